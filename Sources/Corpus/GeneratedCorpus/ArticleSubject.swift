/// What an article can be about, and the sentence patterns that tell it.
struct ArticleSubject: Sendable {
    enum Kind { case town, ship, person, bird }

    /// A heading and the patterns below it; an article uses most of them, in any order.
    struct Section: Sendable {
        var heading: String
        var patterns: [String]
    }

    let kind: Kind
    /// The first paragraph, in order: it introduces what later sections name again.
    let lead: [String]
    let sections: [Section]

    static let all = [town, ship, person, bird]
}

extension ArticleSubject {
    static let ship = ArticleSubject(
        kind: .ship,
        lead: [
            "{name} was a {adj} steamship built at {port} between {year1} and {year2} for the {trade} trade .",
            "she was designed by {founder} and paid for by {rival} , a merchant of {town} .",
            "her figurehead was a {colour} {emblem} of carved {material} , and {saying} was painted on her bell .",
            "she carried {tally} men and could load {sum} tons of {trade} .",
            "under captain {keeper} she found the {relic} off the coast of {region} in {year3} .",
            "{short} was lost near the mouth of the {river} on {date} {year5} .",
        ],
        sections: [
            Section(
                heading: "Design and construction",
                patterns: [
                    "{founder_last} drew the first plans in {season} , {few} months before the order from {rival_last} came .",
                    "the hull was {dozens} metres long and {size} than that of any ship built at {port} before .",
                    "{rival_last} insisted on a figurehead of {material} , and chose the {colour} {emblem} of an old family .",
                    "her engines gave {hundreds} horsepower , enough for {few} knots in {weather} .",
                    "work stopped in {year1} when {people} at {port} refused to handle the {material} .",
                    "to carry {sum} tons of {trade} , {founder_last} gave her a second hold behind the {room} .",
                    "the words {saying} were put on the bell by the {people} who had cast it in {town} .",
                    "she was launched in {weather} on {date} {year2} , and the {official} of {port} gave a {adj} speech .",
                    "the cost came to {thousands} crowns , which {rival_last} {adv} paid .",
                ]),
            Section(
                heading: "Early voyages",
                patterns: [
                    "on her first voyage {short} took {goods} and {hundreds} tons of {trade} from {port} to {region} .",
                    "she made {few} voyages a year , with a crew of {tally} , mostly {people} from {town} .",
                    "a {disaster} at {town} kept her in the harbour until {season} .",
                    "passengers complained of the noise from the {room} and of the smell of {goods} .",
                    "in {year2} she lost the {colour} {emblem} in a storm , and {founder_last} carved a new one of {material} .",
                    "the owner , {rival_last} , travelled in the {room} and wrote a {document} about {weather} at sea .",
                    "{later} she was {adv} fitted with a new {room} at {port} .",
                    "her fastest passage from {port} to the mouth of the {river} took {few} days .",
                ]),
            Section(
                heading: "The find",
                patterns: [
                    "{keeper_last} took command in {year3} , after {few} years as mate .",
                    "on a {adj} morning , in {weather} , the crew of {tally} saw something bright on a sandbank off {region} .",
                    "it was the {relic} , wrapped in cloth and nearly as heavy as an anchor .",
                    "{keeper_last} had the {relic} carried to the {room} and told nobody at {port} .",
                    "{scholar} , who examined the {relic} in {year4} , dated it to an age before {port} was built .",
                    "{rival_last} claimed the {relic} as owner of {short} , and {keeper_last} as its finder .",
                    "a judge at {town} {adv} decided for {keeper_last} , to the {feeling} of {rival_last} .",
                    "{scholar_last} noted that the {relic} bore the same words , {saying} , as the ship 's bell .",
                ]),
            Section(
                heading: "Loss",
                patterns: [
                    "{short} left {port} for the last time with {hundreds} tons of {trade} and {few} passengers .",
                    "near the mouth of the {river} she met {weather} , and {keeper_last} ordered the {room} cleared .",
                    "she struck a bank on {date} {year5} and broke in two behind the {room} .",
                    "of the {tally} men on board , {few} reached the shore on a hatch of {material} .",
                    "{people} from {town} searched the beach for {few} days and found only {goods} .",
                    "the {colour} {emblem} came ashore {later} , and hangs in the {building} at {town} .",
                    "the bell with the words {saying} was raised in {year6} by {people} from {port} .",
                    "an inquiry {adv} cleared {keeper_last} , who never went to sea again .",
                    "{rival_last} had insured the ship for {thousands} crowns , and was {adv} suspected .",
                ]),
            Section(
                heading: "Model and measurements",
                patterns: [
                    "a model of {short} , made of {material} by {founder_last} , is kept in the {building} at {port} .",
                    "it is {size} than the model of her sister ship , which was never built .",
                    "the model shows the {colour} {emblem} , the {room} and all {few} boats .",
                    "{scholar_last} measured it in {year6} and found the {room} {size} than on the plans .",
                    "drawings by {founder_last} give her draught as {decimal} metres when loaded with {trade} .",
                    "her bunkers held {hundreds} tons of coal , which lasted {few} days .",
                    "the plans , sold to the {official} of {town} in {year4} , were {adv} lost in a {disaster} .",
                ]),
        ])
}

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

extension ArticleSubject {
    static let town = ArticleSubject(
        kind: .town,
        lead: [
            "{name} is a {adj} market town on the river {river} , in the {region} district .",
            "it was founded in {year1} by {founder} , who brought {tally} families there from {port} .",
            "the town is known for its {trade} trade , for {craft} , and for the {relic} kept in its {material} tower .",
            "its arms show a {colour} {emblem} , and its motto is {saying} .",
            "at the last count it had {sum} inhabitants .",
            "the oldest account of {name} was written in {year3} by {scholar} .",
        ],
        sections: [
            Section(
                heading: "Foundation",
                patterns: [
                    "{founder_last} reached the river {river} on {date} {year1} with {tally} families and {few} carts of {goods} .",
                    "the first houses were built of {material} , which was cut {place} and carried by boat .",
                    "according to the {document} of {scholar_last} , the settlers from {port} chose the place after a {colour} {emblem} had crossed their path .",
                    "the land had belonged to {rival} , who asked for {hundreds} pieces of silver and {adv} accepted {few} .",
                    "{founder_last} promised every family a share of the {trade} trade and a field of {few} acres .",
                    "a {building} and a {building} stood {place} before the end of {year1} .",
                    "{rival_last} never forgave {founder_last} , and called {name} a town of thieves in a {document} of {year2} .",
                    "the words {saying} are said to have been carved over the first door by {founder_last} in person or by one of the {people} .",
                    "of the {tally} families , {few} went back to {port} in the first winter .",
                ]),
            Section(
                heading: "Growth and trade",
                patterns: [
                    "the {trade} trade made {name} rich , and in {year2} some {thousands} loads passed its gates .",
                    "{people} from {region} brought {goods} and {goods} to the market , which was held {place} .",
                    "in {year4} {keeper} bought the rights to {craft} and built a {building} of {material} for it .",
                    "{keeper_last} employed {dozens} {people} , most of whom had worked in {port} before .",
                    "prices for {trade} fell by {few} per cent in {year5} , and {keeper_last} {adv} closed the {building} .",
                    "a tax on {goods} was raised by the {official} to pay for a bridge across the {river} .",
                    "merchants marked their bales with the {colour} {emblem} , so that goods from {name} were known as far as {port} .",
                    "{later} the {official} counted {dozens} shops , of which {few} sold {goods} .",
                    "{craft} , which {keeper_last} had brought to the town , survived the {disaster} of {year5} .",
                ]),
            Section(
                heading: "The tower",
                patterns: [
                    "the {material} tower was begun in {year2} and finished in {year3} , {few} metres higher than planned .",
                    "its upper room holds the {relic} , a gift of {rival_last} to a town once cursed .",
                    "no one but the {official} may touch the {relic} , and only on {date} .",
                    "{scholar_last} , who climbed the tower in {year3} , counted {dozens} steps and {few} windows .",
                    "a {disaster} damaged the {material} walls , which {keeper_last} had repaired at a cost of {thousands} crowns .",
                    "above the gate the {colour} {emblem} can still be seen , with the motto {saying} below it .",
                    "when {people} tried to steal the {relic} in {year4} , they were stopped {place} .",
                    "the tower is {size} than the one in {port} , on which it was modelled .",
                ]),
            Section(
                heading: "Geography",
                patterns: [
                    "{name} lies on the {direction} bank of the {river} , {decimal} kilometres from {port} .",
                    "the town is surrounded by {landscape} and {landscape} .",
                    "the {river} is {dozens} metres wide at the bridge and freezes in one winter out of {few} .",
                    "most of {region} is {landscape} , but around {name} the ground is good enough for {goods} .",
                    "the {material} used in the town comes from a pit {decimal} kilometres to the {direction} .",
                    "the highest point , {hundreds} metres above the sea , is called {founder_last} 's Chair .",
                    "{weather} is common in {season} , when the road to {port} is {adv} closed .",
                    "a stone {place} marks the level that the {river} reached in {year4} .",
                ]),
            Section(
                heading: "Government",
                patterns: [
                    "the town is governed by a council of {few} , chosen every {few} years on {date} .",
                    "{founder_last} held the seal of the {colour} {emblem} until {year2} , when the {people} took it from him .",
                    "the first {official} was a grandson of {rival_last} , which caused {feeling} in {port} .",
                    "in {year5} the council moved to the {building} {place} , a {adj} house of {material} .",
                    "meetings begin with the words {saying} , spoken by the oldest of the {people} .",
                    "of the {sum} inhabitants , {thousands} were allowed to vote in {year6} .",
                    "a {document} of {year4} accused the {official} of selling {goods} that belonged to the town .",
                    "{keeper_last} sat on the council for {few} years and {adv} opposed the tax on {trade} .",
                ]),
        ])
}

extension ArticleSubject {
    static let person = ArticleSubject(
        kind: .person,
        lead: [
            "{name} ( born {date} {year1} in {town} ) was a painter , a teacher of {study} and a dealer in {trade} .",
            "the best known of the {tally} paintings is The {Emblem} , which shows a {colour} {emblem} on a wall of {material} .",
            "from {year3} the painter lived in {port} , in a house called {saying} .",
            "a long quarrel with {rival} over the {relic} ended only in {year5} .",
            "{keeper} , a pupil , carried on the workshop and its {craft} .",
            "most of what is known comes from the {sum} letters collected by {scholar} in {year6} .",
        ],
        sections: [
            Section(
                heading: "Early life",
                patterns: [
                    "the {short} family had lived in {town} for {few} generations and traded in {trade} .",
                    "the house stood {place} , within sight of the river {river} .",
                    "an uncle , the {official} of {town} , taught the child {subject} and {subject} .",
                    "in a letter to {scholar_last} the painter remembered the {disaster} of {year2} with {feeling} .",
                    "at the age of {few} {short} was sent to {region} to learn {craft} .",
                    "the first drawing that survives shows a {emblem} {place} , and is dated {date} {year2} .",
                    "there was money for {goods} , but never for paint , and the first colours were ground from {material} dust .",
                    "{short} left {town} in {season} with {hundreds} crowns and a bundle of {goods} .",
                ]),
            Section(
                heading: "The workshop",
                patterns: [
                    "in {year3} {short} rented a {building} in {port} and wrote {saying} over its door .",
                    "the {official} of {port} ordered {few} portraits , but {adv} paid for only {few} .",
                    "{people} and {people} came to have their signs painted , for {few} crowns each .",
                    "the {colour} {emblem} appears in {few} of the {tally} paintings , always on the {direction} side .",
                    "{keeper_last} entered the workshop as a pupil in {year4} , and learned {craft} there .",
                    "a wall of {material} , first painted in {year3} , returns in nearly every later work .",
                    "{critic} {verb} the paintings from {port} for their {quality} .",
                    "trade in {trade} paid the rent in bad years , as {scholar_last} found in a {document} .",
                    "the workshop sold {dozens} drawings in {season} , most of them to {people} from {region} .",
                ]),
            Section(
                heading: "The quarrel",
                patterns: [
                    "{rival_last} , a dealer from {region} , lent the painter the {relic} in {year4} .",
                    "when {rival_last} asked for the {relic} again , {short} replied that it had been a gift .",
                    "the {official} heard both sides {place} , and {adv} sent them home .",
                    "{keeper_last} hid the {relic} under a heap of {goods} for {few} months .",
                    "{rival_last} published a {document} that called The {Emblem} a copy .",
                    "{short} answered with a painting in which {rival_last} sits among {people} , selling {goods} .",
                    "in {year5} the two met by chance on a bridge over the {river} and made peace .",
                    "the {relic} went to {town} , where it is kept in the {building} with a card that reads {saying} .",
                ]),
            Section(
                heading: "Teaching",
                patterns: [
                    "{short} taught {subject} on {few} days a week , and charged nothing to {people} .",
                    "of {dozens} pupils , only {keeper_last} stayed longer than {few} years .",
                    "lessons began with the drawing of a {emblem} from memory , in {colour} chalk .",
                    "a notebook of {keeper_last} gives the rules of the workshop , the first of which is {saying} .",
                    "pupils ground {material} for the colours and carried {goods} to the market .",
                    "the school was closed by a {disaster} , and {adv} opened again {later} .",
                    "{scholar_last} counts {few} painters of {region} among those who were taught there .",
                    "{critic} {verb} the method for its {quality} , and {critic} for its {quality} .",
                ]),
            Section(
                heading: "The letters",
                patterns: [
                    "{scholar_last} bought the {sum} letters from a {official} of {port} for {hundreds} crowns .",
                    "they run from {year2} to {year5} , with a gap of {few} months after the {disaster} .",
                    "{few} of them are addressed to {rival_last} , and speak of the {relic} with {feeling} .",
                    "one letter , of {date} {year4} , describes how The {Emblem} was painted in {few} days .",
                    "the painter signs as the {colour} {emblem} when writing to {keeper_last} .",
                    "prices of {trade} are noted in the margins , next to drawings of {people} .",
                    "{critic} doubts that all {sum} are genuine , and names {few} that speak of events after {year6} .",
                    "{scholar_last} printed them in {year6} , with a {document} of {keeper_last} as an appendix .",
                ]),
        ])
}
