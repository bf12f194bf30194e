/// Words that fill the slots of sentence patterns. Those after "a" begin with a consonant.
enum WordLists {
    /// Drawn once per article.
    static let facts: [String: [String]] = [
        "material": [
            "granite", "limestone", "black oak", "copper", "sandstone", "pine", "wrought iron", "slate",
            "brass", "red brick", "marble", "bronze",
        ],
        "colour": [
            "crimson", "green", "white", "grey", "blue", "golden", "black", "russet", "silver", "violet",
            "scarlet", "pale",
        ],
        "emblem": [
            "fox", "stag", "crane", "hare", "bear", "salmon", "raven", "wolf", "beaver", "lynx",
            "dolphin", "hound",
        ],
        "relic": [
            "silver bell", "broken compass", "map of the fens", "glass lantern", "carved door",
            "bronze key", "painted shield", "water clock", "book of tides", "stone cup",
            "brass telescope", "long drum",
        ],
        "trade": [
            "wool", "salt", "timber", "herring", "barley", "tin", "paper", "linen", "honey", "coal",
            "leather", "flax",
        ],
        "craft": [
            "weaving", "printing", "glass making", "rope making", "clock making", "bell founding",
            "boat building", "map drawing", "pottery", "tanning",
        ],
    ]

    /// Drawn at every use.
    static let all: [String: [String]] = [
        "adj": [
            "small", "famous", "large", "notable", "difficult", "modest", "remarkable", "quiet",
            "prosperous", "bitter", "long", "curious", "practical", "minor", "serious", "lasting",
            "popular", "peculiar", "steady", "sudden",
        ],
        "adv": [
            "slowly", "quickly", "quietly", "reluctantly", "gradually", "briefly", "largely",
            "carefully", "repeatedly", "eventually", "formally", "partly",
        ],
        "season": [
            "spring", "early spring", "summer", "late summer", "autumn", "winter", "harvest time",
            "the first frost", "the rainy season",
        ],
        "people": [
            "farmers", "merchants", "sailors", "weavers", "monks", "students", "soldiers", "fishermen",
            "carpenters", "pilgrims", "clerks", "masons", "travellers", "miners", "physicians",
            "shepherds", "printers", "musicians",
        ],
        "official": [
            "mayor", "magistrate", "bishop", "governor", "harbour master", "treasurer", "schoolmaster",
            "surveyor", "chancellor", "postmaster", "judge", "county clerk",
        ],
        "building": [
            "church", "granary", "market hall", "lighthouse", "mill", "library", "town hall", "school",
            "hospital", "customs house", "theatre", "tavern", "chapel", "warehouse", "bath house",
        ],
        "document": [
            "letter", "diary", "report", "register", "chronicle", "newspaper", "sermon", "pamphlet",
            "ledger", "survey", "petition", "speech",
        ],
        "disaster": [
            "flood", "fire", "storm", "drought", "plague", "siege", "landslide", "famine", "hard winter",
            "cattle disease",
        ],
        "direction": [
            "north", "south", "east", "west", "north @-@ east", "south @-@ west",
        ],
        "goods": [
            "grain", "cloth", "wine", "candles", "nails", "cheese", "lamp oil", "tea", "horses", "rope",
            "spices", "window glass", "dried fish", "books",
        ],
        "feeling": [
            "pride", "surprise", "regret", "suspicion", "relief", "delight", "concern", "doubt",
            "respect", "anger",
        ],
        "size": [
            "twice as large", "much smaller", "slightly wider", "far heavier", "somewhat longer",
            "a little taller", "much heavier",
        ],
        "critic": [
            "a later historian", "one reviewer", "a visiting scholar", "the local press",
            "a government report", "an anonymous pamphlet", "the county {document}",
            "most modern writers",
        ],
        "later": [
            "{few} years later", "in the following {season}", "soon afterwards", "within {few} months",
            "after {few} weeks", "by the end of the decade", "a generation later", "the next year",
        ],
        "place": [
            "behind the {building}", "near the {building}", "on the {direction} of the {river_bank}",
            "beside the old {building}", "across the square", "under the hill", "along the coast road",
        ],
        "river_bank": ["river", "valley", "harbour", "canal", "market", "forest"],
        "landscape": [
            "low hills", "salt marshes", "pine forest", "open fields", "steep cliffs", "heather moors",
            "orchards", "gravel banks", "peat bogs", "water meadows",
        ],
        "food": [
            "beetles", "small crabs", "grass seeds", "berries", "snails", "water insects", "moths",
            "worms", "minnows", "spiders",
        ],
        "body": [
            "bill", "throat", "crown", "tail", "breast", "wing tips", "legs", "back", "neck", "flanks",
        ],
        "sound": [
            "a thin whistle", "a dry rattle", "two clear notes", "a low hum", "a rising trill",
            "a harsh bark", "a soft double knock",
        ],
        "room": [
            "engine room", "saloon", "cargo hold", "bridge", "galley", "chart room", "forward deck",
            "boiler room",
        ],
        "weather": [
            "thick fog", "heavy snow", "calm weather", "a strong gale", "steady rain", "bright sun",
            "a hard frost", "low cloud",
        ],
        "subject": [
            "navigation", "astronomy", "botany", "music", "grammar", "surveying", "medicine",
            "geometry", "law", "chemistry", "bookkeeping", "drawing",
        ],
        "quality": [
            "patience", "clear style", "strength", "sense of order", "plain manners", "good humour",
            "attention to detail", "stubbornness", "speed", "silence",
        ],
        "verb": [
            "praised", "described", "criticised", "defended", "copied", "studied", "recorded",
            "celebrated", "questioned", "imitated",
        ],
    ]
}
