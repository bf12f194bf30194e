import ArgumentParser
import CommandLine
import Corpus
import Files
import LowRank
import Options
import Runs

/// `--config run.yaml`: options below those of the command line, which wins also over what it excludes.
struct ConfigurationFile {
    /// As the command line names it.
    let path: String
    /// The options in it, `--name=value` or `--name` by name, in its order.
    private let options: [(name: String, argument: String)]

    /// Reads the file; or takes `text` for what it holds, where it is a pipe that only one process can read.
    ///
    /// - Throws: `UnusableFileError` where it cannot be read; `ConfigurationError` naming file, line and key: not a mapping, a
    ///   key that is no option, a key that stands twice, or a value of the wrong type.
    init(path: String, text: [UInt8]? = nil) throws {
        self.path = path
        let bytes = try text ?? Self.contents(of: path)
        do {
            options = try RunFile(reading: bytes).options.compactMap(Self.argument)
        } catch let fault as RunFile.Fault {
            throw ConfigurationError("--config \(fault.description(of: path))")
        }
    }

    /// What the configuration file that `arguments` name holds, if it is a pipe, which can be read once; nil otherwise.
    ///
    /// - Throws: `UnusableFileError` where it cannot be read.
    static func pipe(in arguments: [String]) throws(UnusableFileError) -> [UInt8]? {
        guard let path = (try? TrainOptions.parse(Arguments.joiningNegativeNumbers(arguments)))?.config,
            fileExists(path), !SystemFile.isRegular(path)
        else { return nil }
        return try contents(of: path)
    }

    private static func contents(of path: String) throws(UnusableFileError) -> [UInt8] {
        do {
            return try SystemFile.contents(of: path)
        } catch {
            throw UnusableFileError("--config \(path): cannot be read (\(error.reason)); check the path and its permissions")
        }
    }

    /// An option as the command line has it; nil for a flag that is not set.
    private static func argument(_ option: RunFile.Option) throws(RunFile.Fault) -> (name: String, argument: String)? {
        let name = option.name
        func fault(_ reason: String) -> RunFile.Fault { RunFile.Fault(line: option.line, reason: reason) }
        guard name != "config" else { throw fault("config cannot be set in a configuration file") }
        // A dash or `=` would make it another option's name, and help is none that a file can set.
        guard !name.hasPrefix("-"), !name.contains("="), name != "help" else { throw fault("unknown key \(name)") }
        // What parses alone is a flag.
        let isFlag = (try? TrainOptions.parse(["--\(name)"])) != nil
        if isFlag, option.text == "false" { return nil }
        let argument = isFlag && option.text == "true" ? "--\(name)" : "--\(name)=\(option.text)"
        do {
            _ = try TrainOptions.parse([argument])
        } catch {
            let reason = TrainOptions.message(for: error).split(whereSeparator: \.isNewline).joined(separator: " ")
            throw fault(reason.hasPrefix("Unknown option") ? "unknown key \(name)" : "\(name): \(reason)")
        }
        return (name, argument)
    }

    /// Its options as a command line to go before `typed`, save those that `typed` rules out.
    func arguments(before typed: [String]) -> [String] {
        let excluded = excluded(by: typed)
        return options.filter { !excluded.contains($0.name) }.map(\.argument) + directoryOfARun(typed)
    }

    /// A file that a run wrote stands for the directory it lies in, so that a run that was moved goes on where it is.
    private func directoryOfARun(_ typed: [String]) -> [String] {
        let directory = SystemFile.directory(of: path), option = RunOptions.all.runDirectory.option.name
        guard SystemFile.name(of: path) == RunDirectory.configurationName, fileExists(RunDirectory(directory).metrics),
            !Arguments.names(in: typed).contains(option), !options.contains(where: { $0.name == option })
        else { return [] }
        return ["--\(option)=" + directory]
    }

    /// What means nothing where another strategy of attention names the levels.
    private static let ofStrategies = Set(
        (AttentionRegistry.options + AttentionOptions.belowFullRank).map(\.name)
            + RunOptions.list.filter { $0.group == .policy }.map { $0.option.name })

    /// The options of the file that one of the command line's excludes, or that are made for another value of it.
    private func excluded(by typed: [String]) -> Set<String> {
        let given = Arguments.names(in: typed)
        var excluded: Set<String> = []
        let attention = AttentionOptions.attention.name
        if let strategy = value(of: attention, in: typed), strategy != value(of: attention) {
            excluded.formUnion(Self.ofStrategies)
            if AttentionRegistry.mode(named: strategy)?.listRefusal != nil {
                excluded.formUnion(AttentionOptions.lists.map(\.name))
            }
        }
        for option in AttentionOptions.listed + LearningOptions.listed {
            if given.contains(option.name) { excluded.formUnion(option.excludes) }
            if !given.isDisjoint(with: option.restsOn) { excluded.insert(option.name) }
        }
        for own in RunOptions.list {
            for (other, _) in own.exclusions {
                if given.contains(own.option.name) { excluded.insert(other) }
                if given.contains(other) { excluded.insert(own.option.name) }
            }
        }
        // Rates and steps of the file hold as long as they can.
        func isBeyond(_ name: String, _ limit: String) -> Bool {
            guard let own = value(of: name).flatMap(Double.init), let most = value(of: limit, in: typed).flatMap(Double.init)
            else { return false }
            return own > most
        }
        let options = RunOptions.all, warmup = options.warmup.option.name, schedule = options.scheduleSteps.option.name
        if isBeyond(options.lastRate.option.name, options.peakRate.option.name) {
            excluded.insert(options.lastRate.option.name)
        }
        if isBeyond(warmup, given.contains(schedule) ? schedule : options.steps.option.name) { excluded.insert(warmup) }
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
}
