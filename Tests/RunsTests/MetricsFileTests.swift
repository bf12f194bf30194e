import Foundation
import Model
import Options
import Runs
import TestSupport
import Testing
import Worker

@Suite struct MetricsFileTests {
    let scratch: Scratch
    let directory: RunDirectory

    init() throws {
        scratch = try Scratch()
        directory = RunDirectory(scratch.path)
    }

    private func line(_ step: Int) -> MetricsLine {
        var line = MetricsLine(step: step)
        for (metric, value) in [
            (.loss, 6 - 0.1 * Double(step)), (.learningRate, 1e-3), (.gradientNorm, 0.5), (.tokensPerSecond, 1e5),
            (.sgemmShare, 0.5), (.exposedSeconds, 0), (.seconds, 0.1),
        ] as [(Metric, Double)] { line[metric] = value }
        return line
    }

    private func append(_ steps: ClosedRange<Int>, after step: Int) throws {
        let file = try MetricsFile(directory, after: step)
        for step in steps { try file.append(line(step)) }
    }

    private var content: String { (try? String(contentsOfFile: directory.metrics, encoding: .utf8)) ?? "" }

    private func lines() throws -> [MetricsLine] {
        try content.split(separator: "\n").map { try JSONDecoder().decode(MetricsLine.self, from: Data($0.utf8)) }
    }

    @Test func everyLineIsAnObjectWithTheAgreedKeys() throws {
        var evaluated = line(1)
        evaluated[.validPerplexity] = 20
        evaluated[.validWordPerplexity] = .infinity
        evaluated[.validBitsPerByte] = 1.5
        let file = try MetricsFile(directory, after: 0)
        try file.append(evaluated)
        try file.append(line(2))
        let objects = try content.split(separator: "\n").map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let always: Set = [
            "step", "loss", "lr", "grad_norm", "tokens_per_second", "sgemm_share", "exposed_comm_seconds", "seconds",
        ]
        #expect(Set(objects[1].keys) == always)
        #expect(
            Set(objects[0].keys)
                == always.union(["valid_perplexity", "valid_word_perplexity", "valid_bits_per_byte"]))
        #expect(objects[0]["valid_word_perplexity"] is NSNull, "JSON has no infinity")
        #expect(content.hasSuffix("\n"))
    }

    @Test func aRunThatGoesOnAppends() throws {
        try append(1...5, after: 0)
        try append(6...7, after: 5)
        #expect(try lines() == (1...7).map(line))
    }

    @Test func laterLinesAreDropped() throws {
        try append(1...9, after: 0)
        try append(5...6, after: 4)
        #expect(try lines() == (1...6).map(line))
        try append(1...2, after: 0)
        #expect(try lines() == (1...2).map(line))
    }

    /// Cut at every byte of the last line, as a full disk might.
    @Test func aHalfLineIsDropped() throws {
        try append(1...2, after: 0)
        let two = content
        try append(3...3, after: 2)
        let last = content.utf8.count - two.utf8.count
        for kept in 1..<(last - 1) {
            let cut = String(content.dropLast(last - kept))
            try Data(cut.utf8).write(to: URL(fileURLWithPath: directory.metrics))
            try append(3...3, after: 2)
            #expect(try lines() == (1...3).map(line), "\(kept) bytes of the last line")
        }
    }

    /// Lines of other versions stay as they are.
    @Test func linesWithOtherColumnsAreKept() throws {
        let old = #"{"loss":3,"step":1}"# + "\n" + #"{"new":[1],"step":2}"# + "\n"
        try Data(old.utf8).write(to: URL(fileURLWithPath: directory.metrics))
        try append(3...3, after: 2)
        #expect(content.hasPrefix(old) && content.split(separator: "\n").count == 3)
    }

    /// Keys stand in the alphabet's order; whole numbers have no point.
    @Test func aLineIsWrittenAsItAlwaysWas() throws {
        var one = line(2)
        (one[.basesKept], one[.validPerplexity]) = (12, .infinity)
        try MetricsFile(directory, after: 0).append(one)
        #expect(
            content == #"{"bases_kept":12,"exposed_comm_seconds":0,"grad_norm":0.5,"loss":5.8,"lr":0.001,"#
                + #""seconds":0.1,"sgemm_share":0.5,"step":2,"tokens_per_second":100000,"valid_perplexity":null}"# + "\n")
    }

    /// What another version wrote is read for what it has.
    @Test func aLineIsReadWhateverItsColumns() throws {
        let text = #"{"loss":3,"new":[1],"newer":7,"step":1,"valid_perplexity":null}"#
        let read = try JSONDecoder().decode(MetricsLine.self, from: Data(text.utf8))
        #expect(read.step == 1 && read[.loss] == 3 && read[.seconds] == nil && read[Metric("newer", .same)] == 7)
        #expect(read[.validPerplexity]?.isNaN == true)
    }

    @Test func aLineThatOnlyLacksItsEndIsWholeAgain() throws {
        try append(1...3, after: 0)
        try Data(content.utf8.dropLast()).write(to: URL(fileURLWithPath: directory.metrics))
        try append(4...4, after: 3)
        #expect(try lines() == (1...4).map(line))
    }

    @Test func whatCannotBeWrittenIsNamed() throws {
        let missing = RunDirectory(scratch.path + "/none")
        let error = #expect(throws: UnusableFileError.self) { _ = try MetricsFile(missing, after: 0) }
        #expect(error?.description == "\(missing.metrics): cannot be opened (No such file or directory)")
    }

    @Test func aNumberWithoutJSONFormIsRefused() throws {
        var endless = line(7)
        endless[.loss] = .infinity
        let file = try MetricsFile(directory, after: 0)
        let error = #expect(throws: UnusableFileError.self) { try file.append(endless) }
        #expect(error?.description == "\(directory.metrics): step 7 has no JSON form")
        #expect(content == "")
    }
}
