package ledger

// Queries are all statements of the package.
func Queries() []string { return queries }

// FolderMatches compares a folder with a pattern of the configuration.
var FolderMatches = folderMatches
