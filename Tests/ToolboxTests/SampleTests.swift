import Foundation
import TestSupport
import Testing

/// `drrl sample` under the real program, on a model of context 64.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct SampleTests {
    /// What `--json` prints.
    private struct Line: Decodable, Equatable {
        let prompt, text, ending: String
        let sample, prompt_tokens, tokens: Int
    }

    private static let prompts = ["The ", "A longer text to go on from, of two", "of"]

    private func sample(_ model: TrainedModel, _ options: [String]) async throws -> Outcome {
        try await drrl(["sample", "--checkpoint", model.checkpoint, "--threads", "1"] + options)
    }

    private func lines(_ model: TrainedModel, _ options: [String]) async throws -> [Line] {
        let outcome = try await sample(model, options + ["--json"])
        guard outcome.succeeded else { throw SupportError("\(outcome)") }
        return try outcome.output.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    private func given(_ prompts: [String]) -> [String] { prompts.flatMap { ["--prompt", $0] } }

    @Test func aPromptAndItsContinuationGoOut() async throws {
        let model = try await TrainedModel.full()
        let outcome = try await sample(model, ["--prompt", "The ", "--tokens", "20"])
        #expect(outcome.succeeded && outcome.output.hasPrefix("The ") && outcome.output.count > 10, "\(outcome)")
        #expect(outcome.output.hasSuffix("\n") && outcome.errors.split(separator: "\n").count == 1)
        for part in ["prefill", "decode 19 tokens at", "tokens/s", "cache", "bytes"] {
            #expect(outcome.errors.contains(part), "\(outcome)")
        }
        #expect(try await sample(model, ["--prompt", "The ", "--tokens", "20"]).output == outcome.output)
        #expect(try await sample(model, ["--prompt", "The ", "--tokens", "20", "--seed", "2"]).output != outcome.output)
        let found = try await lines(model, ["--prompt", "The ", "--tokens", "20"])
        #expect(found.map { $0.prompt + $0.text + "\n" } == [outcome.output] && found[0].tokens == 20 && found[0].ending == "length")
    }

    /// In full, at levels drawn at random, as a policy names them, and by random features.
    @Test func aBatchGivesWhatEachGivesAlone() async throws {
        let models = try await [
            TrainedModel.full(), TrainedModel.random(), TrainedModel.policy(), TrainedModel.performer(),
        ]
        for model in models {
            let options = ["--tokens", "24", "--samples", "2"], together = try await lines(model, given(Self.prompts) + options)
            #expect(together.map(\.prompt) == Self.prompts.flatMap { [$0, $0] } && together.map(\.sample) == [1, 2, 1, 2, 1, 2])
            #expect(Set(together.map(\.text)).count == 6)
            var alone: [Line] = []
            for prompt in Self.prompts { alone += try await lines(model, ["--prompt", prompt] + options) }
            #expect(alone == together)
        }
    }

    @Test func promptsComeFromAFileOrStandardInput() async throws {
        let model = try await TrainedModel.full(), options = ["--tokens", "8", "--temperature", "0"]
        let given = try await lines(model, given(Self.prompts) + options)
        let file = try model.scratch.write(Self.prompts.joined(separator: "\n") + "\n\n", to: "prompts.txt")
        #expect(try await lines(model, ["--prompts", file] + options) == given)
        let plain = try await sample(model, ["--prompts", file] + options)
        #expect(plain.output == given.enumerated().map { "--- prompt \($0 + 1) of 3\n\($1.prompt)\($1.text)\n" }.joined())
        let one = try model.scratch.write(Self.prompts[1] + "\n", to: "prompt.txt")
        let program = try BuiltProduct.url(named: "drrl").path
        let piped = try await run(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", "\"$0\" sample --checkpoint \"$1\" --tokens 8 --temperature 0 < \"$2\"", program, model.checkpoint, one],
            environment: MPIRun.environment)
        #expect(piped.output == Self.prompts[1] + given[1].text + "\n", "\(piped)")
    }

    /// Levels below all columns are named, and far keys kept at them.
    @Test func farKeysAreKeptAtTheirLevel() async throws {
        let model = try await TrainedModel.full(), prompt = ["--prompt", Self.prompts[1], "--tokens", "40", "--temperature", "0"]
        let exact = ["--segment", "4", "--exact-recent", "1", "--exact-first", "2"]
        let all = try await sample(model, prompt + ["--attention", "fixed", "--level", "32:32"] + exact)
        let full = try await sample(model, prompt)
        #expect(all.succeeded && all.output == full.output && !all.errors.contains("fewer"), "\(all)")
        let few = try await sample(model, prompt + ["--attention", "fixed", "--level", "8:16"] + exact)
        #expect(few.succeeded && few.errors.contains("fewer than at all columns"), "\(few)")
    }

    @Test func aStopStringEndsTheText() async throws {
        let model = try await TrainedModel.full(), options = ["--prompt", "The ", "--tokens", "30", "--temperature", "0"]
        let whole = try await lines(model, options)[0]
        let stop = String(whole.text.dropFirst(4).prefix(3)), end = try #require(whole.text.range(of: stop))
        let stopped = try await lines(model, options + ["--stop", "never seen", "--stop", stop])[0]
        #expect(stopped.ending == "stop" && stopped.text == whole.text[..<end.lowerBound])
    }

    /// What is asked, and what the line must name.
    private static let inputs: [(options: [String], named: [String])] = [
        (["--prompt", "x", "--top-p", "2"], ["--top-p is 2", "at most 1"]),
        (["--prompt", "x", "--top-p", "0"], ["--top-p is 0"]),
        (["--prompt", "x", "--top-k", "-1"], ["--top-k is -1"]),
        (["--prompt", "x", "--min-p", "1.5"], ["--min-p is 1.5"]),
        (["--prompt", "x", "--temperature", "-1"], ["--temperature is -1"]),
        (["--prompt", "x", "--temperature", "nan"], ["--temperature"]),
        (["--prompt", "x", "--repetition-penalty", "0"], ["--repetition-penalty is 0"]),
        (["--prompt", "x", "--tokens", "0"], ["--tokens is 0"]),
        (["--prompt", "x", "--tokens", "64"], ["--tokens is 64", "leaves 63", "context of 64"]),
        (["--prompt", "x", "--context", "65"], ["--context is 65", "64"]),
        (["--prompt", "x", "--samples", "0"], ["--samples is 0"]),
        (["--prompt", "x", "--seed", "-1"], ["--seed"]),
        (["--prompt", "x", "--stop", ""], ["--stop is empty"]),
        (["--prompt", "x", "--threads", "0"], ["--threads is 0"]),
        (["--prompt", ""], ["prompt is empty"]),
        (["--prompt", "x", "--prompt", ""], ["prompt 2 of 2 is empty"]),
        (["--prompt", String(repeating: "word ", count: 80)], ["the prompt has", "context of 64", "shorten it"]),
        (["--prompt", "x", "--prompts", "%/one.txt"], ["--prompts excludes --prompt"]),
        (["--prompts", "/no/such.txt"], ["/no/such.txt", "No such file"]),
        (["--prompts", "%/blank.txt"], ["blank.txt", "no line"]),
        (["--prompts", "%/latin.txt"], ["latin.txt", "not UTF-8"]),
        (["--prompt", "x", "--checkpoint", "/no/such.h5"], ["/no/such.h5", "No such file"]),
        (["--prompt", "x", "--checkpoint", "%/train.tokens"], ["train.tokens", "not a drrl checkpoint"]),
        (["--prompt", "x", "--attention", "sparse"], ["--attention sparse", "energy"]),
        (["--prompt", "x", "--attention", "energy", "--basis", "online"], ["online", "resident"]),
        (["--prompt", "x", "--attention", "policy"], ["holds no policy"]),
        (["--prompt", "x", "--attention", "oracle"], ["--attention oracle", "not there yet"]),
        (["--prompt", "x", "stray"], ["stray"]),
    ]

    @Test(arguments: inputs.indices) func isRefusedInOneLine(index: Int) async throws {
        let model = try await TrainedModel.full(), (options, named) = Self.inputs[index]
        _ = try model.scratch.write("\n\n", to: "blank.txt")
        _ = try model.scratch.write(Data([0x61, 0xE9, 0x0A]), to: "latin.txt")
        let filled = options.map { $0.replacing("%", with: model.scratch.path) }
        let outcome = try await drrl(
            ["sample"] + filled + (options.contains("--checkpoint") ? [] : ["--checkpoint", model.checkpoint]))
        #expect(!outcome.timedOut && outcome.status == 2 && outcome.output.isEmpty, "\(outcome)")
        #expect(outcome.errors.hasPrefix("drrl: ") && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
        for part in named { #expect(outcome.errors.contains(part), "\(part): \(outcome)") }
    }

    @Test func severalRanksAreRefused() async throws {
        let model = try await TrainedModel.full()
        let outcome = try await drrl(["sample", "--checkpoint", model.checkpoint, "--prompt", "x"], ranks: 2)
        #expect(outcome.status == 2 && outcome.errors.contains("one rank") && outcome.output.isEmpty, "\(outcome)")
    }

    /// A tokenizer that has no token for some byte.
    @Test func whatTheTokenizerCannotHoldIsRefused() async throws {
        let model = try await TrainedModel.full(), scratch = try Scratch(), directory = scratch.path + "/gpt2"
        #expect(try await drrl(["export", "--checkpoint", model.checkpoint, "--to", directory]).succeeded)
        for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
            try FileManager.default.removeItem(atPath: directory + "/" + name)
        }
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("CorpusTests/Golden/tokenizer-json/smollm2.json")
        try FileManager.default.copyItem(atPath: golden.path, toPath: directory + "/tokenizer.json")
        let checkpoint = scratch.path + "/c.h5", imported = try await drrl(["import", directory, "--to", checkpoint])
        #expect(imported.succeeded, "\(imported)")
        for (prompt, isHeld) in [("the", true), ("th\u{4}e", false)] {
            let outcome = try await drrl(
                ["sample", "--checkpoint", checkpoint, "--prompt", prompt, "--tokens", "2", "--threads", "1"])
            #expect(outcome.status == (isHeld ? 0 : 2), "\(outcome)")
            if !isHeld { #expect(outcome.errors.contains("no token for"), "\(outcome)") }
        }
    }
}
