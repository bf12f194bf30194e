extension ArticleSubject {
    static let bird = ArticleSubject(
        kind: .bird,
        lead: [
            "the {short} ( {latin} ) is a {adj} bird found along the {river} and in the {region} hills .",
            "it was first described in {year1} by {founder} , from {few} skins sent from {port} .",
            "the name comes from the {colour} feathers of the male ; {people} of {town} call it the little {emblem} .",
            "a pair raises its young in walls of {material} , and a saying about it , {saying} , is old in {town} .",
            "{rival} took it for a young bird of another kind until {year3} .",
            "a count led by {keeper} in {year6} found {sum} pairs , {tally} of them near {town} .",
        ],
        sections: [
            Section(
                heading: "Discovery and name",
                patterns: [
                    "{founder_last} received the skins from a {official} of {port} on {date} {year1} .",
                    "the description of {latin} fills {few} pages and mentions the {colour} feathers {few} times .",
                    "{rival_last} , who kept the {relic} of {port} in the same museum , refused to show {latin} beside it .",
                    "in a {document} of {year2} {rival_last} called the {short} a mistake of {founder_last} .",
                    "{scholar} proved in {year3} , by its {body} and its {body} , that {founder_last} was right .",
                    "the people of {town} had long known the bird as the little {emblem} , because of its {body} .",
                    "{rival_last} {adv} gave in , and sent {scholar_last} the {relic} as a token of {feeling} .",
                    "{latin} has been placed near the {few} kinds that live in {landscape} .",
                ]),
            Section(
                heading: "Description",
                patterns: [
                    "the {short} is {few} centimetres long and weighs {dozens} grams .",
                    "the male has a {colour} {body} and a dark {body} , the female a pale {body} .",
                    "young birds lack the {colour} feathers until their second {season} .",
                    "in flight it shows a {adj} mark on the {body} , which {founder_last} overlooked .",
                    "its call is {sound} , its song {sound} followed by {sound} .",
                    "birds from {region} are {size} in the {body} than those along the {river} .",
                    "{scholar_last} measured {hundreds} birds and found the {body} {size} in males .",
                    "it may be confused with a lark , but the {body} is {size} and the {body} is never {colour} .",
                ]),
            Section(
                heading: "Breeding",
                patterns: [
                    "the {short} breeds in holes in {material} , often in the walls of a {building} .",
                    "at {town} some {tally} pairs use the {building} {place} , where {keeper_last} watched them .",
                    "the nest is lined with {trade} when the bird can get it , and with grass otherwise .",
                    "{few} eggs are laid in {season} , {colour} with dark spots .",
                    "both birds feed the young with {food} and {food} for {few} days .",
                    "{keeper_last} saw a pair return to the same hole in {material} for {few} years .",
                    "the saying {saying} is heard in {town} when the first {short} enters its hole .",
                    "losses are caused by {weather} , by rats , and by {people} who close the walls .",
                ]),
            Section(
                heading: "Food and habits",
                patterns: [
                    "it eats {food} , {food} and , in {season} , {food} .",
                    "food is taken from {landscape} , usually within {decimal} kilometres of the nest .",
                    "in {season} birds from {region} gather along the {river} in groups of up to {dozens} .",
                    "{scholar_last} saw one open a bag of {goods} at {port} with its bill .",
                    "it bathes in {weather} and sings {sound} from the roof of the {building} .",
                    "a {short} ringed by {keeper_last} at {town} was found {hundreds} kilometres away {later} .",
                    "males drive larger birds away from the {material} in which they breed .",
                    "{people} of {region} say that a {short} on the {building} foretells {weather} .",
                ]),
            Section(
                heading: "Protection",
                patterns: [
                    "the count by {keeper_last} , who walked the {river} for {few} months , gave {sum} pairs .",
                    "a second count is planned for {date} , {few} years from now .",
                    "old walls of {material} at {town} , with their {tally} pairs , have been protected since {year6} .",
                    "trade in {trade} brought cats to {port} , and the {short} {adv} vanished there by {year5} .",
                    "a {disaster} in {year4} left only {few} pairs in {region} .",
                    "the {official} of {town} chose the bird for the arms of the town , under the words {saying} .",
                    "{keeper_last} asked {people} to leave holes in every new {building} , and {few} did .",
                    "{critic} {verb} the plan for its {quality} , but {adv} questioned the number of {sum} .",
                ]),
        ])
}
