-- The facts hold more than before: the ids of copies, and how fast people answer.
UPDATE contact SET dirty = 1;
