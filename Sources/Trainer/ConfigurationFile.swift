import ArgumentParser
import Foundation
import Transformer
import Yams

/// `--config run.yaml`: a flat mapping whose keys are the options' names without dashes.
enum ConfigurationFile {
    /// The file as command-line arguments, to go before those that the user typed.
    ///
    /// Throws `ConfigurationError` naming file, line and key: unreadable file, not a mapping, a key that is no option, a
    /// key that stands twice, or a value of the wrong type.
    static func arguments(of path: String) throws(ConfigurationError) -> [String] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError("--config \(path): cannot be read; check the path and its permissions")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw ConfigurationError("--config \(path): not UTF-8; convert the file")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw ConfigurationError("--config \(path)\(reason(error))")
        }
        guard let root, root.null == nil else { return [] }
        guard case .mapping(let mapping) = root else {
            let line = root.mark?.line ?? 1
            throw ConfigurationError(
                "--config \(path), line \(line): a mapping of options is expected, e.g. `steps: 400`")
        }
        var arguments: [String] = []
        for (key, value) in mapping {
            let place = "--config \(path), line \(key.mark?.line ?? 1)"
            guard let name = key.scalar?.string else {
                throw ConfigurationError("\(place): a key must be an option's name")
            }
            guard name != "config" else {
                throw ConfigurationError("\(place): config cannot be set in a configuration file")
            }
            // A dash or `=` would make it another option's name, and help is none that a file can set.
            guard !name.hasPrefix("-"), !name.contains("="), name != "help" else {
                throw ConfigurationError("\(place): unknown key \(name)")
            }
            guard value.null == nil, let text = value.scalar?.string, !text.isEmpty else {
                throw ConfigurationError("\(place): \(name) needs one value")
            }
            // What parses alone is a flag.
            let isFlag = (try? TrainOptions.parse(["--\(name)"])) != nil
            if isFlag, text == "false" { continue }
            let pair = isFlag && text == "true" ? ["--\(name)"] : ["--\(name)=\(text)"]
            do {
                _ = try TrainOptions.parse(pair)
            } catch {
                let reason = TrainOptions.message(for: error).split(whereSeparator: \.isNewline).joined(separator: " ")
                throw ConfigurationError(
                    reason.hasPrefix("Unknown option") ? "\(place): unknown key \(name)" : "\(place): \(name): \(reason)")
            }
            arguments += pair
        }
        return arguments
    }

    /// Line and cause of what the YAML parser refused.
    private static func reason(_ error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return ", line \(mark.line): not YAML: \(problem)"
        case .reader(let problem, let offset, _, let yaml):
            let line = 1 + yaml.prefix(offset ?? 0).count(where: \.isNewline)
            return ", line \(line): not YAML: \(problem)"
        case .duplicatedKeysInMapping(let keys, let context):
            return ", line \(context.mark.line): \(keys.joined(separator: ", ")) stands twice"
        default:
            return ": not YAML: \(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
        }
    }
}
