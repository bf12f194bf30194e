import Options

/// Command lines as the system gives them.
public enum Arguments {
    /// The process's own, without the program's name.
    ///
    /// - Throws: `ConfigurationError` for one that is not UTF-8, whose name no file would have here.
    public static func ofProcess() throws(ConfigurationError) -> [String] {
        var arguments: [String] = []
        for i in 1..<max(Int(Swift.CommandLine.argc), 1) {
            guard let bytes = Swift.CommandLine.unsafeArgv[i] else { continue }
            guard let argument = String(validatingCString: bytes) else {
                throw ConfigurationError(
                    "argument \(i), \(String(cString: bytes)), is not UTF-8; rename the file or directory that it names")
            }
            arguments.append(argument)
        }
        return arguments
    }

    /// The same with `--lr -1` as `--lr=-1`, since the parser takes every word with a dash for an option's name.
    public static func joiningNegativeNumbers(_ arguments: [String]) -> [String] {
        var joined: [String] = []
        for argument in arguments {
            let isNumber = argument.hasPrefix("-") && argument.dropFirst().first.map { $0.isNumber || $0 == "." } ?? false
            if isNumber, let last = joined.last, last.hasPrefix("--"), !last.contains("=") {
                joined[joined.count - 1] += "=" + argument
            } else {
                joined.append(argument)
            }
        }
        return joined
    }

    /// Each option with what follows it up to the next, threads aside, which ranks may have their own number of.
    public static func numbered(_ arguments: [String]) -> [(name: String, value: String)] {
        var options: [(name: String, value: String)] = []
        for argument in arguments {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if argument.hasPrefix("--") {
                options.append((String(parts[0].dropFirst(2)), parts.count > 1 ? parts[1] : ""))
            } else if options.isEmpty {
                options.append(("command", argument))
            } else {
                options[options.count - 1].value += argument
            }
        }
        return options.filter { $0.name != ThreadCount.option.name }
    }

    /// The names, without dashes, of the options that stand in `arguments`.
    public static func names(in arguments: [String]) -> Set<String> {
        Set(arguments.filter { $0.hasPrefix("--") }.map { String($0.dropFirst(2).prefix { $0 != "=" }) })
    }
}
