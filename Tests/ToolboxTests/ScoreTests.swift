import Foundation
import TestSupport
import Testing
import Toolbox

/// `drrl score` against `drrl evaluate`, and against lm-evaluation-harness's definitions.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct ScoreTests {
    /// A line of a task.
    private struct Line: Encodable {
        var context: String?
        var choices: [String]?
        var answer: Int?
        var text: String?
    }

    /// Of the held-out text's kind: short, in other lengths, with white space where tokenizers cut, and beyond ASCII.
    private static let choices = [
        Line(context: "The town of", choices: ["the river", "a"], answer: 0),
        Line(context: "It was built in the year  ", choices: ["of 1902 .", "and then"], answer: 1),
        Line(context: "In the north of the country there is a small town on the river , and", choices: ["it", "ééé ééé"], answer: 0),
        Line(context: "The", choices: ["second", "first", "third one of them"], answer: 2),
    ]
    private static let texts = ["The town was built in the north", "It is a small\ntown , and the river"]

    private func write(_ lines: [Line], _ name: String, in model: TrainedModel) throws -> String {
        let encoder = JSONEncoder()
        let text = try lines.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }.joined()
        return try model.scratch.write(text, to: name)
    }

    private func score(
        _ task: String, _ model: TrainedModel, _ options: [String] = [], ranks: Int? = nil
    ) async throws -> (report: ScoreReport, items: [ItemScore], lines: String) {
        let path = model.scratch.path + "/\(UUID().uuidString).jsonl"
        let outcome = try await drrl(
            ["score", "--checkpoint", model.checkpoint, "--task", task, "--threads", "1", "--json", "--per-item", path]
                + options, ranks: ranks)
        guard outcome.succeeded, outcome.errors.isEmpty else { throw SupportError("\(outcome)") }
        let lines = try String(contentsOfFile: path, encoding: .utf8), decoder = JSONDecoder()
        return (
            try decoder.decode(ScoreReport.self, from: Data(outcome.output.utf8)),
            try lines.split(separator: "\n").map { try decoder.decode(ItemScore.self, from: Data($0.utf8)) }, lines)
    }

    /// Nats of a text's tokens but the first, by `drrl evaluate`; the end of the text is not among them.
    private func nats(_ text: String, _ model: TrainedModel, _ options: [String] = []) async throws -> [Double] {
        let path = try model.scratch.write(text, to: "\(UUID().uuidString).txt")
        return try await model.tokenLines(["--text", path] + options).dropFirst().dropLast().map {
            Double($0.split(separator: ",")[2]) ?? .nan
        }
    }

    @Test func aChoicesLikelihoodIsWhatEvaluateSays() async throws {
        let model = try await TrainedModel.full()
        let found = try await score(write(Self.choices, "choices.jsonl", in: model), model)
        #expect(found.items.count == 4 && found.report.items == 4 && found.report.kind == .multipleChoice)
        for (line, item) in zip(Self.choices, found.items) {
            for (choice, scored) in zip(line.choices ?? [], item.choices) {
                let nats = try await nats("\(line.context ?? "") \(choice)", model).suffix(scored.tokens)
                #expect(scored.tokens >= 1 && nats.count == scored.tokens)
                #expect(abs(scored.loglikelihood + nats.reduce(0, +)) < 1e-4, "\(choice): \(scored), \(nats)")
            }
        }
        // The white space after the year goes to the choice: its tokens are those of three spaces and more.
        #expect(found.items[1].choices[0].tokens > 1 && found.items.map(\.line) == [1, 2, 3, 4])
    }

    @Test func predictionsAndMeansAreTheHarnesss() async throws {
        let model = try await TrainedModel.full()
        let (report, items, _) = try await score(write(Self.choices, "choices.jsonl", in: model), model)
        func argmax(_ values: [Double]) -> Int { values.firstIndex(of: values.max() ?? 0) ?? -1 }
        var hits = [[Double]](repeating: [], count: 3)
        for (line, item) in zip(Self.choices, items) {
            let choices = line.choices ?? [], likelihoods = item.choices.map(\.loglikelihood)
            let predictions = [
                argmax(likelihoods), argmax(zip(likelihoods, choices).map { $0 / Double($1.count) }),
                argmax(zip(likelihoods, choices).map { $0 / Double($1.utf8.count) }),
            ]
            #expect([item.prediction, item.prediction_norm, item.prediction_bytes] == predictions)
            #expect(item.answer == line.answer && item.acc == (predictions[0] == line.answer))
            for (i, prediction) in predictions.enumerated() { hits[i].append(prediction == line.answer ? 1 : 0) }
        }
        for (hits, mean) in zip(hits, [report.acc, report.acc_norm, report.acc_bytes]) {
            let n = Double(hits.count), own = hits.reduce(0, +) / n
            let variance = hits.reduce(0) { $0 + ($1 - own) * ($1 - own) } / (n - 1)
            #expect(mean?.value == own && abs((mean?.standard_error ?? .nan) - (variance / n).squareRoot()) < 1e-15)
        }
        #expect(report.perplexity == nil)
    }

    @Test func theLastWordIsJudgedAsLAMBADAs() async throws {
        let model = try await TrainedModel.full()
        // A text's own continuation, which the model would write: learnt by heart, or nearly.
        let learnt = String(try String(contentsOfFile: model.trainingText, encoding: .utf8).prefix(120))
        let cut = learnt.split(separator: " ", omittingEmptySubsequences: false).dropLast().joined(separator: " ")
        let texts = Self.texts + [cut.trimmingCharacters(in: .whitespacesAndNewlines)]
        let task = try write(texts.map { Line(text: $0) }, "texts.jsonl", in: model)
        let (report, items, _) = try await score(task, model)
        #expect(report.kind == .lastWord && report.acc_norm == nil && items.count == 3)
        for (text, item) in zip(texts, items) {
            let nats = try await nats(text, model).suffix(item.choices[0].tokens).reduce(0, +)
            #expect(abs(item.choices[0].loglikelihood + nats) < 1e-4 && item.acc == item.choices[0].greedy)
            // A likelihood above one half leaves none likelier.
            if nats < 0.69 { #expect(item.acc) }
        }
        let mean = items.reduce(0) { $0 - $1.choices[0].loglikelihood } / 3
        #expect(relativeDifference(report.perplexity?.value, exp(mean)) < 1e-12)
        #expect(report.acc.value == Double(items.count { $0.acc }) / 3)
    }

    /// A word of one token after more than fits: what is read is the last 64 tokens before it.
    @Test func aLongContextIsReadFromItsEnd() async throws {
        let model = try await TrainedModel.full()
        let text = String(repeating: "The town was built on the river in the north , and it is a small town . ", count: 6) + "the"
        let (report, items, _) = try await score(write([Line(text: text)], "long.jsonl", in: model), model)
        let nats = try await nats(text, model, ["--stride", "1"])
        #expect(items[0].choices[0].tokens == 1 && items[0].left_out > 0 && report.shortened_items == 1)
        #expect(abs(items[0].choices[0].loglikelihood + (nats.last ?? .nan)) < 1e-4)
        let few = try await score(write([Line(text: text)], "long.jsonl", in: model), model, ["--context", "16"])
        #expect(few.items[0].left_out == items[0].left_out + 48)
        #expect(few.items[0].choices[0].loglikelihood != items[0].choices[0].loglikelihood)
    }

    @Test func anyNumberOfRanksGivesTheSameBytes() async throws {
        let model = try await TrainedModel.full()
        // More rows than a batch holds.
        let many = (0..<40).flatMap { i in
            Self.choices.map { Line(context: "\($0.context ?? "") \(i)", choices: $0.choices, answer: $0.answer) }
        }
        let task = try write(many, "many.jsonl", in: model)
        let alone = try await score(task, model)
        for ranks in [2, 3] {
            let shared = try await score(task, model, ranks: ranks)
            #expect(shared.lines == alone.lines && shared.report.acc == alone.report.acc && shared.report.ranks == ranks)
            #expect(shared.report.flops == alone.report.flops)
        }
        let first = try await score(task, model, ["--limit", "10"])
        #expect(first.items.count == 10 && first.items.map(\.answer) == Array(alone.items.prefix(10)).map(\.answer))
    }

    @Test func levelsAreThoseOfEvaluate() async throws {
        let model = try await TrainedModel.full(), task = try write(Self.choices, "choices.jsonl", in: model)
        let full = try await score(task, model)
        let all = try await score(task, model, ["--attention", "fixed", "--level", "32:32"])
        let few = try await score(task, model, ["--attention", "fixed", "--level", "2:4", "--exact-recent", "off"])
        func differences(_ other: [ItemScore]) -> [Double] {
            zip(full.items, other).map { abs($0.choices[0].loglikelihood - $1.choices[0].loglikelihood) }
        }
        #expect(differences(all.items).allSatisfy { $0 < 1e-4 } && differences(few.items).contains { $0 > 1e-3 })
        #expect(few.report.flops.total < few.report.flops.full_attention && few.report.attention == "fixed")
        #expect(full.report.flops.total == full.report.flops.full_attention && full.report.attention == "full")
        let own = try await TrainedModel.random()
        #expect(try await score(task, own).report.attention == "random")
    }

    /// Lines of a task file, and what the message must say.
    private static let bad: [(lines: String, named: [String])] = [
        ("", ["no items"]),
        ("\n  \n", ["no items"]),
        ("not JSON\n", ["line 1", "not JSON"]),
        ("\n[1, 2]\n", ["line 2", "not an object"]),
        (#"{"choices": ["a", "b"], "answer": 0}"#, ["line 1", "\"context\" is missing"]),
        (#"{"context": "c", "answer": 0}"#, ["line 1", "\"choices\" is missing"]),
        (#"{"context": "c", "choices": ["a", "b"]}"#, ["line 1", "\"answer\" is missing"]),
        (#"{"context": "c", "choices": ["a", "b"], "answer": 2}"#, ["\"answer\" is 2", "from 0 to 1"]),
        (#"{"context": "c", "choices": ["a", "b"], "answer": "a"}"#, ["\"answer\" is \"a\"", "from 0 to 1"]),
        (#"{"context": "c", "choices": ["a", "b"], "answer": -1}"#, ["\"answer\" is -1"]),
        (#"{"context": "c", "choices": ["a"], "answer": 0}"#, ["two or more"]),
        (#"{"context": "c", "choices": ["a", ""], "answer": 0}"#, ["choice 1 is empty"]),
        (#"{"context": "c", "choices": ["a", 3], "answer": 0}"#, ["choice 1 is 3"]),
        (#"{"context": 1, "choices": ["a", "b"], "answer": 0}"#, ["\"context\" is 1"]),
        (#"{"context": "c", "context": "d", "choices": ["a", "b"], "answer": 0}"#, ["comes twice"]),
        ("{\"text\": \"two words\"}\n{\"text\": \"one\"}\n", ["line 2", "one word"]),
        (#"{"text": " one"}"#, ["line 1", "one word"]),
        (#"{"text": "a word "}"#, ["line 1", "ends in a space"]),
        ("{\"text\": \"two words\"}\n" + #"{"context": "c", "choices": ["a", "b"], "answer": 0}"#, ["line 2", "last word"]),
        (#"{"text": "a "# + String(repeating: "zq", count: 200) + #""}"#, ["line 1", "64 are read at most"]),
    ]

    @Test func aBadTaskIsOneLine() async throws {
        let model = try await TrainedModel.full()
        for (i, (lines, named)) in Self.bad.enumerated() {
            let task = try model.scratch.write(lines, to: "bad.jsonl")
            for ranks in i == 7 ? [nil, 2] : [nil] as [Int?] {
                try await refused(["--task", task], named + [task], model, ranks: ranks)
            }
        }
        let good = try write(Self.choices, "choices.jsonl", in: model)
        try await refused(["--task", "/no/such.jsonl"], ["/no/such.jsonl", "No such file"], model)
        try await refused(["--task", good, "--context", "65"], ["--context is 65", "64"], model)
        try await refused(["--task", good, "--limit", "0"], ["--limit is 0"], model)
        try await refused(["--task", good, "--per-item", good], ["--per-item", "would overwrite"], model)
        try await refused(["--task", good, "--attention", "sparse"], ["--attention sparse"], model)
        try await refused(["--task", good, "--attention", "allocated"], ["drrl calibrate"], model)
        try await refused([], ["--task"], model)
    }

    private func refused(_ options: [String], _ named: [String], _ model: TrainedModel, ranks: Int? = nil) async throws {
        let outcome = try await drrl(
            ["score", "--checkpoint", model.checkpoint] + options, ranks: ranks,
            flags: ["--mca", "odls_base_sigkill_timeout", "0"])
        let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("drrl: ") }
        #expect(outcome.status == 2 && outcome.output.isEmpty && lines.count == 1, "\(outcome)")
        if ranks == nil { #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)") }
        for part in named { #expect(lines.first?.contains(part) == true, "\(part): \(outcome)") }
    }
}
