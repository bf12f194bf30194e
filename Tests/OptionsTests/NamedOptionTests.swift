import Options
import Testing

/// An option's text is read, checked and refused by its declaration alone.
@Suite struct NamedOptionTests {
    private enum Rule: String, OptionWord {
        case split, refuse
    }

    private static let steps = DefaultedOption<Int>("steps", "n", "Steps in all", default: 400, .within(1...1000))
    private static let clip = DefaultedOption<Float>(
        "clip", "norm", "Largest norm", default: 1, Limit("it must be at least 0") { $0 >= 0 })
    private static let rule = DefaultedOption<Rule>("rule", "rule", "What stands", default: .split)

    /// How a command line shows a refusal.
    private func refusal(_ option: any AnyOption, _ text: String) -> String? {
        let error = #expect(throws: ConfigurationError.self) { try option.check(text) }
        return error.map { OptionName.spelled($0.description, prefix: "--") }
    }

    @Test func whatCannotBeIsNamed() {
        #expect(refusal(Self.steps, "0") == "--steps is 0; it must be at least 1")
        #expect(refusal(Self.steps, "1001") == "--steps is 1001; it must be at most 1000")
        #expect(refusal(Self.steps, "many") == "--steps many: give a whole number")
        #expect(refusal(Self.clip, "-1") == "--clip is -1.0; it must be at least 0")
        #expect(refusal(Self.clip, "nan") == "--clip is nan; it must be at least 0")
        #expect(refusal(Self.rule, "join") == "--rule join: choose split or refuse")
    }

    @Test func helpTellsTheDefault() {
        #expect(Self.steps.help == "Steps in all (default: 400).")
        #expect(Self.clip.help == "Largest norm (default: 1).")
        #expect(Self.rule.help == "What stands (default: split).")
    }

    @Test func textReadsBackTheSame() throws {
        for x: Float in [1e-3 / 10, 0.1, 3e-9, 1, .infinity] { #expect(Float(optionText: x.optionText) == x) }
        #expect(UInt64(optionText: UInt64.max.optionText) == .max)
        var given = OptionValues()
        #expect(try given.value(of: Self.steps) == 400 && given.value(of: Self.steps.named) == nil)
        given[Self.steps] = "7"
        given[Self.rule] = "refuse"
        #expect(try given.value(of: Self.steps) == 7 && given.value(of: Self.rule) == .refuse)
        #expect(given.names == ["steps", "rule"])
    }

    /// A message says `batch` until it is known how options are given.
    @Test func namesAreSpelledWhereTheyAreShown() {
        let message = "\(option: "batch") 3 of \("a-b"); use \(option: "micro-batch") 1"
        #expect(OptionName.spelled(message, prefix: "--") == "--batch 3 of a-b; use --micro-batch 1")
        #expect(OptionName.spelled(message, prefix: "") == "batch 3 of a-b; use micro-batch 1")
        #expect(OptionName.spelled("\(OptionName.spelled(message, prefix: "--"))", prefix: "--").contains("--micro-batch 1"))
    }
}
