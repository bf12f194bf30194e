import CommandLine
import Files
import Foundation
import Options

extension SampleOptions {
    /// What was given to go on from: `--prompt`, `--prompts` or standard input.
    ///
    /// - Throws: `ConfigurationError` and `UnusableFileError`.
    func promptTexts() throws -> [String] {
        guard let file = prompts else { return prompt.isEmpty ? [try Self.standardInput()] : prompt }
        guard prompt.isEmpty else { throw ConfigurationError("--prompts excludes --prompt; give one or the other") }
        try requireExpanded(file, option: "prompts")
        let bytes: [UInt8]
        do {
            bytes = try readFile(file)
        } catch {
            throw UnusableFileError("\(error)")
        }
        let lines = try Self.text(bytes, of: file).split(whereSeparator: \.isNewline).map(String.init)
        guard !lines.isEmpty else { throw UnusableFileError("\(file): it has no line to go on from; write a prompt a line") }
        return lines
    }

    /// All of it, but for the newline at its end that shells add.
    private static func standardInput() throws -> String {
        if isatty(STDIN_FILENO) == 1 { remark("drrl: reading the prompt; end it with Ctrl-D, or give --prompt") }
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try FileHandle.standardInput.readToEnd() ?? Data())
        } catch {
            throw UnusableFileError("standard input cannot be read; give --prompt or --prompts")
        }
        let text = try text(bytes, of: "standard input")
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    private static func text(_ bytes: [UInt8], of name: String) throws(UnusableFileError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UnusableFileError("\(name): it is not UTF-8; write it as UTF-8")
        }
        return text
    }
}
