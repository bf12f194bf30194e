import Files
import Foundation
import Options

/// Draws charts by Debian's gnuplot, a process of its own. Not to be used after MPI has started, which forbids a fork.
struct Gnuplot {
    /// How a picture is kept.
    enum Format {
        /// For a page, in which its colours of text and lines are the page's.
        case svg
        /// 1200 × 750 points.
        case png

        fileprivate func terminal(_ number: Int) -> String {
            switch self {
            case .svg: "set terminal svg noenhanced size 600,360 dynamic font 'sans-serif,15' name 'chart\(number)'"
            case .png: "set terminal pngcairo noenhanced size 1200,750 font 'sans-serif,22' linewidth 2"
            }
        }
    }

    private static let executable = "/usr/bin/gnuplot"

    /// The pictures of charts, in their order.
    ///
    /// - Throws: `UnusableFileError` where gnuplot is not there or fails, `FileError` for its files.
    static func pictures(_ charts: [any Chart], as format: Format) throws -> [[UInt8]] {
        guard !charts.isEmpty else { return [] }
        guard fileExists(executable) else {
            throw UnusableFileError("\(executable): is not there, and charts are drawn by it; apt-get install gnuplot-nox")
        }
        let directory = NSTemporaryDirectory() + "drrl-report-\(getpid())"
        try makeDirectory(directory)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        func path(_ number: Int) -> String { "\(directory)/\(number)" }
        var script = "set datafile separator ' '\nset border 3\nset tics nomirror\n"
        for (number, chart) in charts.enumerated() {
            script += "\(format.terminal(number))\nset output '\(path(number))'\n\(chart.commands)\nunset output\n"
        }
        try ReplacementFile.write(Array(script.utf8), to: directory + "/script")
        let process = Process(), complaints = Pipe()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = [directory + "/script"]
        process.standardError = complaints
        process.standardOutput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw UnusableFileError("\(executable): cannot be started (\(error.localizedDescription))")
        }
        let said = try complaints.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let last = String(decoding: said, as: UTF8.self).split(separator: "\n").last.map(String.init) ?? "no word why"
            throw UnusableFileError("\(executable): could not draw (\(last))")
        }
        return try charts.indices.map { try readFile(path($0)) }
    }
}
