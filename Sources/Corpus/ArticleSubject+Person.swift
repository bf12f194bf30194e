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
