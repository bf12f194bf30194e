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
        let text: String
        do {
            text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        } catch {
            throw ConfigurationError("--config \(path): cannot be read; check the path and its permissions")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            let reason = "\(error)".split(whereSeparator: \.isNewline).prefix(2).joined(separator: ": ")
            throw ConfigurationError("--config \(path): not YAML: \(reason)")
        }
        guard let root else { return [] }
        guard case .mapping(let mapping) = root else {
            throw ConfigurationError("--config \(path): a mapping of options is expected, e.g. `steps: 400`")
        }
        var arguments: [String] = []
        for (key, value) in mapping {
            let place = "--config \(path), line \(key.mark?.line ?? 0)"
            guard let name = key.scalar?.string else {
                throw ConfigurationError("\(place): a key must be an option's name")
            }
            guard name != "config" else {
                throw ConfigurationError("\(place): config cannot be set in a configuration file")
            }
            guard let text = value.scalar?.string, !text.isEmpty else {
                throw ConfigurationError("\(place): \(name) needs one value")
            }
            let pair = ["--\(name)=\(text)"]
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
}
