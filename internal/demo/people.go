package demo

import "fmt"

// person is somebody in the made-up mailbox.
type person struct {
	name, address string
	topics        []string // what the two of you talk about
	client        string   // how their mail program writes: see letter
}

// cast are invented people at reserved domains (RFC 2606).
var cast = []person{
	{name: "Ana Lindqvist", address: "ana.lindqvist@northlight.example", topics: []string{"Daylight study for the reading room", "Which glass for the east windows"}},
	{name: "Bruno Salgado", address: "bruno@saltworks.example", topics: []string{"Harbour walk signs", "Enamel or print for the quay"}},
	{name: "Celia Okafor", address: "celia.okafor@paperboat.example", topics: []string{"Children's atlas", "The fold-out page"}},
	{name: "Daniel Reyes", address: "d.reyes@fieldnotes.example", topics: []string{"Bird count posters", "Paper stock for the posters"}},
	{name: "Edda Sigurd", address: "edda@tidehouse.example", topics: []string{"Tide tables as wallpaper", "The blue in the second proof"}},
	{name: "Farid Benali", address: "farid.benali@orchard.example", topics: []string{"Label for the new cider", "Bottle shape"}},
	{name: "Greta Holm", address: "greta.holm@lantern.example", topics: []string{"Winter lights trail", "Map of the trail"}},
	{name: "Hugo Marchetti", address: "hugo@marchetti.example", topics: []string{"Cookbook layout", "Photographs for the cookbook"}},
	{name: "Ines Duarte", address: "ines.duarte@riverschool.example", topics: []string{"Workshop for the school", "Dates for the workshop"}},
	{name: "Jonas Weir", address: "jonas.weir@slowtrain.example", topics: []string{"Night train timetable", "The sleeping car icons"}},
	{name: "Kira Novak", address: "kira@glasshouse.example", topics: []string{"Seed packets", "Latin names on the packets"}},
	{name: "Leo Haddad", address: "leo.haddad@commonroom.example", topics: []string{"Library card redesign", "The old stamp"}},
	{name: "Mina Petrov", address: "mina.petrov@skylark.example", topics: []string{"Kite festival programme", "Weather plan"}},
	{name: "Noor Vermeer", address: "noor@millstream.example", topics: []string{"Flour bag typography", "Sample bags"}},
	{name: "Oskar Lind", address: "oskar.lind@archiveworks.example", topics: []string{"Photo archive captions", "Scans of the glass plates"}},
	{name: "Pia Rossi", address: "pia.rossi@smallstage.example", topics: []string{"Season brochure", "Actors' portraits"}},
	{name: "Quentin Ash", address: "quentin.ash@ashandco.example", topics: []string{"Letterhead", "A second colour"}},
	{name: "Rosa Iglesias", address: "rosa@almanac.example", topics: []string{"Moon calendar", "Errors in the March page"}},
	{name: "Samir Chandra", address: "samir.chandra@bluepress.example", topics: []string{"Blueprint exhibition", "Captions for the exhibition"}},
	{name: "Tessa Brandt", address: "tessa.brandt@woodtype.example", topics: []string{"Wood type specimens", "Lending the big alphabet"}},
	{name: "Uma Castell", address: "uma@castell.example", topics: []string{"Pencil box", "Engraving the lids"}},
	{name: "Viktor Sand", address: "viktor.sand@dunes.example", topics: []string{"Nature reserve leaflets", "The path that moved"}},
	{name: "Wanda Kerr", address: "wanda.kerr@kerrbooks.example", topics: []string{"Bookshop window", "Readings in spring"}},
	{name: "Yusuf Aydin", address: "yusuf@teahouse.example", topics: []string{"Tea tins", "The smallest tin"}},
	{name: "Zoe Martens", address: "zoe.martens@citygarden.example", topics: []string{"Garden plan for the roof", "Planting list"}},
	{name: "Amos Finch", address: "amos.finch@finchmaps.example", topics: []string{"Relief map", "Height of the contour lines"}},
	{name: "Bea Thorne", address: "bea@thorneceramics.example", topics: []string{"Tile pattern", "Kiln dates"}},
	{name: "Carl Osei", address: "carl.osei@openharbour.example", topics: []string{"Visitor guide", "The ferry page"}},
}

// clients are the mail programs of the cast, in turn.
var clients = []string{plain, gmail, outlook, flowed, apple, inHTML}

// What they write to each other where it matters little.
var (
	questions = []string{
		"Could you have a look and tell me what you think?", "Would Thursday suit you?",
		"Do you still have the older version somewhere?", "Shall we try the other paper first?",
		"Which of the two would you keep?", "Can you live with one line less?",
		"Could you ask your printer whether that is possible?", "Is there room for a fourth picture?",
		"What would you say to a darker green?", "Do you know who has the original?",
		"Would you rather see it on paper before we go on?", "When do you need the last corrections?",
	}
	remarks = []string{
		"The second version is much calmer.", "I kept coming back to your sketch from last time.",
		"The printer is happy with the samples.", "It rained the whole day, so I finally read it through.",
		"The small type holds up better than I feared.", "Everyone here liked the plain one best.",
		"I have pinned it over my desk and it grows on me.", "My neighbour read it over my shoulder and laughed at the right place.",
		"On the wall the blue is quite another blue.", "The old edition had a map, I had forgotten that.",
		"There is a hair on the scan, or it is a river.", "The cover works even from across the street.",
		"I read it on the train and missed my stop.", "Two pages are too many, one is too few.",
		"The margin is wider than I remembered, and better for it.", "We had it on the table at lunch and nobody spilled anything.",
	}
	closings = []string{
		"That settles it, thank you.", "So be it: the plain one.", "It went to the printer this morning.",
		"Then we are of one mind.", "You were quicker than my coffee.", "What a relief.",
		"I am glad we waited a day.", "It looks as if it had always been like that.",
		"From here on it is only a matter of drying.", "Thank you for being so patient with it.",
	}
	greetings = []string{"Hello %s,", "Hi %s,", "Dear %s,", "%s,", "Good morning %s,"}
	farewells = []string{"Best,\n%s", "Warm wishes,\n%s", "Until soon,\n%s", "%s", "Greetings,\n%s"}
	places    = []string{"the café by the station", "your studio", "the print shop", "the library", "the old customs house"}
)

// greets is how they begin a mail, each in a way of their own.
func (p person) greets(to person) string {
	return fmt.Sprintf(greetings[len(p.name)%len(greetings)], to.first())
}

// signs is how they end a mail.
func (p person) signs() string {
	return fmt.Sprintf(farewells[len(p.address)%len(farewells)], p.first())
}
