import ArgumentParser
import Corpus
import DynamicRank
import Files
import Foundation
import Transformer
import Yams

/// `--config run.yaml`: a flat mapping whose keys are the options' names without dashes.
struct ConfigurationFile {
    /// As the command line names it.
    let path: String
    /// The options in it, `--name=value` or `--name` by name, in its order.
    private let options: [(name: String, argument: String)]

    /// Reads the file; or takes `text` for what it holds, where it is a pipe that only one process can read.
    ///
    /// - Throws: `ConfigurationError` naming file, line and key: unreadable file, not a mapping, a key that is no option, a
    ///   key that stands twice, or a value of the wrong type.
    init(path: String, text: [UInt8]? = nil) throws(ConfigurationError) {
        let bytes: [UInt8]
        do {
            if let text { bytes = text } else { bytes = try SystemFile.contents(of: path) }
        } catch {
            throw ConfigurationError("--config \(path): cannot be read (\(error.reason)); check the path and its permissions")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError("--config \(path): not UTF-8; convert the file")
        }
        self.path = path
        options = try Self.options(of: text, path: path)
    }

    private static func options(
        of text: String, path: String
    ) throws(ConfigurationError) -> [(name: String, argument: String)] {
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
        var options: [(name: String, argument: String)] = []
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
            let argument = isFlag && text == "true" ? "--\(name)" : "--\(name)=\(text)"
            do {
                _ = try TrainOptions.parse([argument])
            } catch {
                let reason = TrainOptions.message(for: error).split(whereSeparator: \.isNewline).joined(separator: " ")
                throw ConfigurationError(
                    reason.hasPrefix("Unknown option") ? "\(place): unknown key \(name)" : "\(place): \(name): \(reason)")
            }
            options.append((name, argument))
        }
        return options
    }

    /// Its options as a command line to go before `typed`, save those that `typed` rules out.
    func arguments(before typed: [String]) -> [String] {
        let excluded = excluded(by: typed)
        return options.filter { !excluded.contains($0.name) }.map(\.argument) + directoryOfARun(typed)
    }

    /// A file that a run wrote stands for the directory it lies in, so that a run that was moved goes on where it is.
    private func directoryOfARun(_ typed: [String]) -> [String] {
        let directory = SystemFile.directory(of: path)
        guard SystemFile.name(of: path) == "run.yaml", fileExists(RunDirectory(directory).metrics),
            !Arguments.names(in: typed).contains("run-dir"), !options.contains(where: { $0.name == "run-dir" })
        else { return [] }
        return ["--run-dir=" + directory]
    }

    /// Options of one strategy of attention that mean nothing to another.
    private static let ofStrategies = Set(AttentionRegistry.options.map(\.name))
        .union(["basis", "exact-recent", "exact-first", "value-basis", "new-policy", "freeze"])
    private static let ranges: Set = ["rank-min", "rank-max", "rank-step"]

    /// The options of the file that one of the command line's excludes, or that are made for another value of it.
    private func excluded(by typed: [String]) -> Set<String> {
        let given = Arguments.names(in: typed)
        var excluded: Set<String> = []
        if let strategy = value(of: "attention", in: typed), strategy != value(of: "attention") {
            excluded.formUnion(Self.ofStrategies)
            if AttentionRegistry.mode(named: strategy)?.listRefusal != nil {
                excluded.formUnion(Self.ranges.union(["levels"]))
            }
        }
        let exclusions: [(names: Set<String>, others: Set<String>)] = [
            (["levels"], Self.ranges), (Self.ranges, ["levels"]), (["context"], ["segment"]),
            (["tokenizer"], ["vocab-size"]), (["vocab-size"], ["tokenizer"]), (["width", "heads"], ["levels"]),
        ]
        let ofModes = AttentionRegistry.options.flatMap { option -> [(names: Set<String>, others: Set<String>)] in
            [([option.name], option.excludes), (option.restsOn, [option.name])]
        }
        for (names, others) in exclusions + ofModes where !given.isDisjoint(with: names) {
            excluded.formUnion(others)
        }
        // Rates and steps of the file hold as long as they can.
        func isBeyond(_ name: String, _ limit: String) -> Bool {
            guard let own = value(of: name).flatMap(Double.init), let most = value(of: limit, in: typed).flatMap(Double.init)
            else { return false }
            return own > most
        }
        if isBeyond("min-lr", "lr") { excluded.insert("min-lr") }
        if isBeyond("warmup", given.contains("schedule-steps") ? "schedule-steps" : "steps") { excluded.insert("warmup") }
        return excluded.subtracting(given)
    }

    private func value(of name: String) -> String? {
        options.first { $0.name == name }.map { String($0.argument.dropFirst(name.count + 3)) }
    }

    /// The value that a command line gives an option, its last.
    private func value(of name: String, in typed: [String]) -> String? {
        var value: String?
        for (i, argument) in typed.enumerated() {
            if argument == "--" + name, i + 1 < typed.count { value = typed[i + 1] }
            if argument.hasPrefix("--\(name)=") { value = String(argument.dropFirst(name.count + 3)) }
        }
        return value
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
