import Foundation
import TestSupport
import Testing

/// Messages of the layers below the command line name options that there are.
@Suite struct OptionNamesTests {
    @Test func everyNameInAMessageIsAnOption() async throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources")
        var names: Set<String> = []
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            names.formUnion(text.matches(of: /\\\(option: "([^"]+)"\)/).map { String($0.output.1) })
        }
        #expect(names.count >= 12, "\(names)")
        let help = try await run(
            BuiltProduct.url(named: "drrl-train"), ["--help"], environment: MPIRun.environment)
        let known = Set(help.output.split { $0.isWhitespace }.filter { $0.hasPrefix("--") }.map { $0.dropFirst(2) })
        #expect(names.allSatisfy { known.contains(Substring($0)) }, "\(names.filter { !known.contains(Substring($0)) })")
    }
}
