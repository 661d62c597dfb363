package demo

// person is somebody in the made-up mailbox.
type person struct {
	name, address string
	topics        []string // what the two of you talk about
}

// cast are invented people at reserved domains (RFC 2606).
var cast = []person{
	{"Ana Lindqvist", "ana.lindqvist@northlight.example", []string{"Daylight study for the reading room", "Which glass for the east windows"}},
	{"Bruno Salgado", "bruno@saltworks.example", []string{"Harbour walk signs", "Enamel or print for the quay"}},
	{"Celia Okafor", "celia.okafor@paperboat.example", []string{"Children's atlas", "The fold-out page"}},
	{"Daniel Reyes", "d.reyes@fieldnotes.example", []string{"Bird count posters", "Paper stock for the posters"}},
	{"Edda Sigurd", "edda@tidehouse.example", []string{"Tide tables as wallpaper", "The blue in the second proof"}},
	{"Farid Benali", "farid.benali@orchard.example", []string{"Label for the new cider", "Bottle shape"}},
	{"Greta Holm", "greta.holm@lantern.example", []string{"Winter lights trail", "Map of the trail"}},
	{"Hugo Marchetti", "hugo@marchetti.example", []string{"Cookbook layout", "Photographs for the cookbook"}},
	{"Ines Duarte", "ines.duarte@riverschool.example", []string{"Workshop for the school", "Dates for the workshop"}},
	{"Jonas Weir", "jonas.weir@slowtrain.example", []string{"Night train timetable", "The sleeping car icons"}},
	{"Kira Novak", "kira@glasshouse.example", []string{"Seed packets", "Latin names on the packets"}},
	{"Leo Haddad", "leo.haddad@commonroom.example", []string{"Library card redesign", "The old stamp"}},
	{"Mina Petrov", "mina.petrov@skylark.example", []string{"Kite festival programme", "Weather plan"}},
	{"Noor Vermeer", "noor@millstream.example", []string{"Flour bag typography", "Sample bags"}},
	{"Oskar Lind", "oskar.lind@archiveworks.example", []string{"Photo archive captions", "Scans of the glass plates"}},
	{"Pia Rossi", "pia.rossi@smallstage.example", []string{"Season brochure", "Actors' portraits"}},
	{"Quentin Ash", "quentin.ash@ashandco.example", []string{"Letterhead", "A second colour"}},
	{"Rosa Iglesias", "rosa@almanac.example", []string{"Moon calendar", "Errors in the March page"}},
	{"Samir Chandra", "samir.chandra@bluepress.example", []string{"Blueprint exhibition", "Captions for the exhibition"}},
	{"Tessa Brandt", "tessa.brandt@woodtype.example", []string{"Wood type specimens", "Lending the big alphabet"}},
	{"Uma Castell", "uma@castell.example", []string{"Pencil box", "Engraving the lids"}},
	{"Viktor Sand", "viktor.sand@dunes.example", []string{"Nature reserve leaflets", "The path that moved"}},
	{"Wanda Kerr", "wanda.kerr@kerrbooks.example", []string{"Bookshop window", "Readings in spring"}},
	{"Yusuf Aydin", "yusuf@teahouse.example", []string{"Tea tins", "The smallest tin"}},
	{"Zoe Martens", "zoe.martens@citygarden.example", []string{"Garden plan for the roof", "Planting list"}},
	{"Amos Finch", "amos.finch@finchmaps.example", []string{"Relief map", "Height of the contour lines"}},
	{"Bea Thorne", "bea@thorneceramics.example", []string{"Tile pattern", "Kiln dates"}},
	{"Carl Osei", "carl.osei@openharbour.example", []string{"Visitor guide", "The ferry page"}},
}

var (
	questions = []string{
		"Could you have a look and tell me what you think?", "Would Thursday suit you?",
		"Do you still have the older version somewhere?", "Shall we try the other paper first?",
	}
	remarks = []string{
		"The second version is much calmer.", "I kept coming back to your sketch from last time.",
		"The printer is happy with the samples.", "It rained the whole day, so I finally read it through.",
		"The small type holds up better than I feared.", "Everyone here liked the plain one best.",
	}
	places = []string{"the café by the station", "your studio", "the print shop", "the library", "the old customs house"}
)
