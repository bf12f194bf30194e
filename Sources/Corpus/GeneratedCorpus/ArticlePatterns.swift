/// Sentence patterns that fit articles of every kind.
enum ArticlePatterns {
    /// The last sections of an article: they name again what its first paragraphs introduced.
    static let closingSections = [
        ArticleSubject.Section(
            heading: "Later accounts",
            patterns: [
                "{scholar} wrote about {short} in {year6} , and {critic} {verb} the work for its {quality} .",
                "{scholar_last} repeats that {founder} and {rival} met only once , in {port} .",
                "the {document} of {keeper} , found in a {building} in {region} , gives {year2} instead of {year3} .",
                "{critic} called {rival_last} a person of {quality} , and {founder_last} one of {quality} .",
                "the number {sum} , which {scholar_last} took from a {document} , has been {verb} more than once .",
                "most accounts leave out {keeper_last} , although the {relic} was with the family for {few} years .",
                "a {document} printed at {town} gives the date as {date} , without a year .",
                "{critic} held that {saying} was older than {port} itself .",
            ]),
        ArticleSubject.Section(
            heading: "Legacy",
            patterns: [
                "a street in {port} is named after {founder_last} , and a {building} in {town} after {rival_last} .",
                "the {relic} was shown in {region} in {year6} , and {thousands} people came to see it .",
                "the {colour} {emblem} is still painted on doors in {town} in {season} .",
                "on {date} {people} walk from {town} to the {river} , carrying a {emblem} made of {trade} .",
                "a stone of {material} {place} bears the words {saying} and the names {founder} and {keeper} .",
                "{craft} is taught in {port} to this day , in a {building} that {keeper_last} paid for .",
                "a play about {rival_last} and the {relic} was {adv} performed in {town} for {few} evenings .",
                "children in {region} count to {tally} in a rhyme about {founder_last} and the {colour} {emblem} .",
                "a prize of {hundreds} crowns , named after {scholar_last} , is given every {few} years in {port} .",
            ]),
    ]

    /// Sentences for any place in any section.
    static let remarks = [
        "the {official} at that time was better known for an interest in {subject} .",
        "it was a {adj} year , with {weather} until the end of {season} .",
        "{people} remembered the {disaster} for {few} years and spoke of it with {feeling} .",
        "a {document} in the {building} of {port} mentions {dozens} {people} by name .",
        "{later} a {adj} dispute about {goods} was settled by the {official} .",
        "{critic} {verb} this account , which rests on a single {document} .",
        "the road from {town} to {port} was {adv} repaired with {material} .",
        "nothing is known about the {few} {people} who were sent to {region} .",
        "the price of {goods} rose to {few} crowns , and that of {goods} to {dozens} .",
        "in {season} the {river} could be crossed on foot {place} .",
        "{goods} and {goods} had to be brought from {region} at great cost .",
        "the {building} was {adv} rebuilt , {size} than before .",
        "{founder_last} is said to have studied {subject} with the {people} of {region} .",
        "the {document} ends with a {adj} remark on the {quality} of {rival_last} .",
        "{keeper_last} owned a {adj} library , with {hundreds} books on {subject} and {subject} .",
        "there were {few} {people} , {few} {people} and a {official} among the guests .",
        "a {disaster} in {season} destroyed the {building} {place} , but nobody was hurt .",
        "{rival_last} travelled from {town} to {region} in {few} days , which caused {feeling} .",
        "a {adj} map by {scholar_last} shows the {building} on the wrong side of the {river} .",
        "the {trade} of that {season} was sold in {port} for {thousands} crowns .",
        "{people} who came with {goods} were {adv} asked to pay a fee of {few} crowns .",
        "{critic} compared it with the {building} of {town} , which is {size} .",
        "as late as {year6} the {people} of {port} {adv} refused to speak about it .",
        "the {official} kept a {document} , which shows {few} days of {weather} .",
        "some {people} left for {region} , others found work in {craft} .",
        "{scholar_last} learned of this from a {document} that {keeper_last} had kept .",
        "an old song about the {emblem} names {town} , {port} and the {river} .",
        "the {feeling} of the {people} was {adv} reported by {critic} .",
        "one of the {people} , a brother of {keeper_last} , later became {official} of {town} .",
        "a copy made of {material} was {adv} sold to the {official} of {region} .",
    ]
}
