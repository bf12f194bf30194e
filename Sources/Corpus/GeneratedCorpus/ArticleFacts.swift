/// What one article is about: everything that it says more than once.
struct ArticleFacts {
    private var values: [String: String] = [:]

    subscript(slot: String) -> String? { values[slot] }

    init(subject: ArticleSubject, random: inout SplitMix64) {
        for role in ["founder", "rival", "keeper", "scholar"] {
            let last = Self.name(random: &random, NameParts.surnameEnds)
            values[role] = "\(random.pick(NameParts.firstNames)) \(last)"
            values[role + "_last"] = last
        }
        for place in ["town", "port", "region"] {
            values[place] = Self.name(random: &random, NameParts.placeEnds)
        }
        values["river"] = Self.name(random: &random, NameParts.riverEnds)
        for list in ["material", "colour", "emblem", "relic", "trade", "craft"] {
            values[list] = random.pick(WordLists.facts[list]!)
        }
        values["saying"] = "\" \(random.pick(NameParts.sayingStarts)) \(random.pick(NameParts.sayingEnds)) \""
        // Titles of works have their words capital.
        let emblem = values["emblem"]!
        values["Emblem"] = emblem.prefix(1).uppercased() + emblem.dropFirst()
        values["study"] = random.pick(WordLists.all["subject"]!)
        values["tally"] = String(random.next(in: 21...97))
        values["sum"] = "\(random.next(in: 2...60)) @,@ \(random.next(in: 100...999))"
        values["date"] = "\(random.next(in: 1...28)) \(random.pick(NameParts.months))"

        var year = random.next(in: 1610...1840)
        for i in 1...6 {
            values["year\(i)"] = String(year)
            year += random.next(in: 2...23)
        }

        switch subject.kind {
        case .town:
            values["name"] = values["town"]
            values["short"] = values["town"]
        case .ship:
            let name = Self.name(random: &random, NameParts.riverEnds)
            values["name"] = "\(random.pick(["SS", "RMS", "HMS"])) \(name)"
            values["short"] = name
        case .person:
            values["name"] = values["founder"]
            values["short"] = values["founder_last"]
        case .bird:
            let stem = Self.name(random: &random, ["el", "ar", "in", "or", "an"])
            let part = random.pick(["tailed", "winged", "crowned", "throated", "backed"])
            let name = "\(values["colour"]!) @-@ \(part) \(random.pick(NameParts.birds))"
            values["name"] = name.prefix(1).uppercased() + name.dropFirst()
            values["short"] = name
            values["latin"] = "\(stem)is \(random.pick(NameParts.latinEnds))"
        }
    }

    /// A made-up name: a stem, sometimes a link, and one of `ends`.
    private static func name(random: inout SplitMix64, _ ends: [String]) -> String {
        let link = random.next(below: 3) == 0 ? random.pick(NameParts.links) : ""
        return random.pick(NameParts.stems) + link + random.pick(ends)
    }
}

/// Syllables and words that names are made of.
enum NameParts {
    static let stems = [
        "Ald", "Bar", "Bram", "Cald", "Cor", "Dar", "Dun", "El", "Fal", "Fen", "Gar", "Gris", "Hal",
        "Har", "Hol", "Ist", "Jor", "Kar", "Kel", "Lan", "Lin", "Mar", "Mel", "Mor", "Nar", "Nor",
        "Ost", "Pel", "Pen", "Quar", "Rav", "Ros", "Sal", "Sel", "Stan", "Tal", "Thor", "Tor", "Ul",
        "Var", "Vel", "Wal", "Wes", "Wil", "Yar", "Zel",
    ]
    static let links = ["a", "en", "er", "in", "o", "und", "ast", "ev"]
    static let placeEnds = [
        "mere", "wick", "ford", "stead", "holm", "by", "gate", "burn", "ham", "dale", "mouth",
        "crest", "field", "bridge", "haven", "moor",
    ]
    static let surnameEnds = [
        "man", "son", "well", "ley", "row", "wright", "ner", "ton", "more", "kin", "sted", "worth",
        "berg", "lock", "cott", "ander",
    ]
    static let riverEnds = ["ow", "ine", "ane", "esk", "ara", "ent", "issa", "und", "ock", "enna"]
    static let firstNames = [
        "Ada", "Anders", "Beatrice", "Bruno", "Cecily", "Conrad", "Dora", "Edmund", "Elsa", "Felix",
        "Greta", "Hugo", "Ida", "Jasper", "Johanna", "Karl", "Lena", "Lucas", "Mabel", "Martin",
        "Nora", "Oscar", "Petra", "Quentin", "Rosa", "Silas", "Thea", "Tobias", "Ursula", "Victor",
        "Wanda", "Wilhelm",
    ]
    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    static let birds = [
        "warbler", "heron", "finch", "plover", "kestrel", "thrush", "petrel", "wren", "lark", "tern",
    ]
    static let latinEnds = ["minor", "major", "borealis", "palustris", "montana", "littoralis", "nocturna"]
    static let sayingStarts = [
        "Neither wind", "Bread", "Stone", "Salt", "First the bell", "By lamp", "Water", "No gate",
        "One door",
    ]
    static let sayingEnds = [
        "nor winter", "before silver", "and patience", "keeps the hill", "then the key", "under snow",
        "for the stranger", "remembers the hand", "and the long road",
    ]
}
