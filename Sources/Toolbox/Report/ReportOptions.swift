import ArgumentParser
import Files
import Foundation
import Options

/// The command line of `drrl report`.
struct ReportOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Writes what runs did as one HTML page that opens anywhere.",
        usage: "drrl report RUN… [--to FILE] [--png DIR]")

    @Argument(help: ArgumentHelp("Directories of drrl-train's runs; several share their charts.", valueName: "run"))
    var runs: [String]

    @Option(help: ArgumentHelp("The page to write (default: report.html in the first run's directory).", valueName: "file"))
    var to: String?

    @Option(help: ArgumentHelp("A directory to write every chart to, too, as a PNG file.", valueName: "dir"))
    var png: String?
}

extension ReportOptions: LocalTool {
    func report() throws -> String {
        let names = Self.names(runs)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw ConfigurationError("\(twice) is given twice; name each run once")
        }
        let reported = try zip(runs, names).map { try ReportedRun($0, name: $1) }
        let sections = ReportCharts.sections(reported), charts = sections.flatMap(\.charts)
        let pictures = try Gnuplot.pictures(charts, as: .svg).map { String(decoding: $0, as: UTF8.self) }
        let path = to ?? runs[0] + "/report.html"
        var lines: [String] = []
        if let png {
            try makeDirectory(png)
            for (number, bytes) in try Gnuplot.pictures(charts, as: .png).enumerated() {
                try ReplacementFile.write(bytes, to: png + "/chart-\(String(format: "%02d", number + 1)).png")
            }
            lines.append("charts      \(png): \(charts.count) PNG files, in the order of the page")
        }
        try ReplacementFile.write(Array(ReportPage(reported, sections, pictures: pictures).html.utf8), to: path)
        lines.append("report      \(path): \(charts.count) charts; open it in a browser")
        return lines.joined(separator: "\n")
    }

    /// The directories' own names; whole paths where these are not distinct.
    private static func names(_ paths: [String]) -> [String] {
        let names = paths.map { SystemFile.name(of: URL(fileURLWithPath: $0).standardizedFileURL.path) }
        return Set(names).count == names.count ? names : paths
    }
}
