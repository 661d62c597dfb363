package ledger

// Queries are all statements of the package.
func Queries() []string { return queries }
