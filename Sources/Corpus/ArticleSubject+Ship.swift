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
