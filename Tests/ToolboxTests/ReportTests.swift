import Foundation
import TestSupport
import Testing

/// `drrl report` as a person uses it.
@Suite(
    .serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"),
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/gnuplot"), "gnuplot is not installed"))
struct ReportTests {
    private func directory(of model: TrainedModel) -> String {
        URL(fileURLWithPath: model.checkpoint).deletingLastPathComponent().path
    }

    private func page(_ arguments: [String], in scratch: Scratch) async throws -> (html: String, said: String) {
        let path = scratch.path + "/page.html", outcome = try await drrl(["report"] + arguments + ["--to", path])
        #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
        return (try String(contentsOfFile: path, encoding: .utf8), outcome.output)
    }

    private func count(_ text: String, in page: String) -> Int { page.components(separatedBy: text).count - 1 }

    /// A run of a policy: curves, what it decided, a comparison that lies beside it, and its configuration, with nothing that
    /// is fetched from elsewhere.
    @Test func onePageShowsARun() async throws {
        let model = try await TrainedModel.policy(), scratch = try Scratch(), run = scratch.path + "/a & b"
        try FileManager.default.copyItem(atPath: directory(of: model), toPath: run)
        let compared = try await model.compare(["--strategies", "policy", "--repeats", "1", "--json"])
        #expect(compared.succeeded, "\(compared)")
        try compared.output.write(toFile: run + "/compare.json", atomically: true, encoding: .utf8)
        let pictures = scratch.path + "/png", (html, said) = try await page([run, "--png", pictures], in: scratch)
        for part in [
            "<title>drrl: a &amp; b</title>", "<h2 id=\"training\">", "<h2 id=\"dynamic-rank\">", "<h2 id=\"layers\">",
            "compare.json, context 64", "attention: policy", "SHA-256", "policy", "projections, scores, values",
        ] { #expect(html.contains(part), "\(part)") }
        let loss = try #require(model.metrics[.loss])
        #expect(html.contains(">\(String(format: "%.4f", loss))</td>"))
        let figures = count("<figure>", in: html)
        #expect(figures > 15 && count("<svg", in: html) == figures && said.contains(": \(figures) charts"))
        #expect(!html.contains(" src=") && !html.contains("url(") && !html.contains("<link") && !html.contains("<script"))
        #expect(html.hasSuffix("</html>\n") && count("<table>", in: html) == count("</table>", in: html))
        let drawn = try FileManager.default.contentsOfDirectory(atPath: pictures)
        #expect(drawn.count == figures)
        for name in drawn {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: pictures + "/" + name))
            #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]), "\(name)")
        }
    }

    /// Runs share their curves, each named; one of full attention has spectra and, without a trace, no maps of levels.
    @Test func runsShareCharts() async throws {
        let full = try await TrainedModel.full(), random = try await TrainedModel.random(), scratch = try Scratch()
        var runs: [String] = []
        for (model, name) in [(full, "whole"), (random, "drawn")] {
            runs.append(scratch.path + "/" + name)
            try FileManager.default.copyItem(atPath: directory(of: model), toPath: runs.last ?? "")
        }
        let (html, _) = try await page(runs, in: scratch)
        let whole = try #require(html.range(of: "id=\"layers-of-whole")), drawn = try #require(html.range(of: "id=\"layers-of-drawn"))
        let own = html[whole.upperBound..<drawn.lowerBound]
        #expect(own.contains("share of energy") && !own.contains("Mean score columns"))
        #expect(html[drawn.upperBound...].contains("Mean score columns"))
        let loss = try #require(html.range(of: "Loss of each step"))
        #expect(html[..<loss.lowerBound].contains(">whole<") && html[..<loss.lowerBound].contains(">drawn<"))
    }

    /// A line that is being written is left out; a page that stands is whole until the new one is.
    @Test func aRunThatGoesOnIsShownAsFarAsItGot() async throws {
        let model = try await TrainedModel.full(), scratch = try Scratch(), run = scratch.path + "/run"
        try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
        let lines = try String(contentsOfFile: directory(of: model) + "/metrics.jsonl", encoding: .utf8)
        let three = lines.split(separator: "\n").prefix(3).joined(separator: "\n")
        try (three + "\n{\"loss\":").write(toFile: run + "/metrics.jsonl", atomically: true, encoding: .utf8)
        let (html, _) = try await page([run], in: scratch)
        #expect(html.contains(">3</td>") && html.contains("It has no run.yaml"))
        try "no JSON\n".write(toFile: run + "/metrics.jsonl", atomically: true, encoding: .utf8)
        let outcome = try await drrl(["report", run, "--to", scratch.path + "/page.html"])
        #expect(outcome.status == 2 && outcome.errors.contains("metrics.jsonl: line 1 is no step's"), "\(outcome)")
        #expect(try String(contentsOfFile: scratch.path + "/page.html", encoding: .utf8) == html)
    }

    @Test func mistakesAreOneLine() async throws {
        let scratch = try Scratch(), empty = scratch.path + "/empty", file = scratch.path + "/file"
        try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
        try "x".write(toFile: file, atomically: true, encoding: .utf8)
        for (arguments, words) in [
            ([empty], "has no metrics.jsonl"), ([file], "is no directory"), ([scratch.path + "/none"], "is no directory"),
            ([], "Missing expected argument"), ([empty, "--two", file], "--two"), ([empty, empty], "given twice"),
        ] {
            let outcome = try await drrl(["report"] + arguments)
            #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome)")
            #expect(outcome.errors.hasPrefix("drrl: ") && count("\n", in: outcome.errors) == 1 && outcome.output.isEmpty)
        }
        let several = try await drrl(["report", empty], ranks: 2)
        #expect(several.status == 2 && several.errors.contains("call it without mpirun"), "\(several)")
    }
}
