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
