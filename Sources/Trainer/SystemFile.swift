import Files
import Transformer

extension SystemFile {
    /// - Throws: `ConfigurationError` where `path`, given to `option`, begins with a `~` that the shell has left and no
    ///   directory of that name is there.
    static func requireExpanded(_ path: String, option: String) throws(ConfigurationError) {
        let first = path.prefix { $0 != "/" }
        guard first.hasPrefix("~"), !fileExists(String(first)) else { return }
        throw ConfigurationError(
            "\(option) \(path): the shell did not expand \(first); write \(option) \(path) apart by a space, or $HOME, or "
                + "./\(path) for a directory of that name")
    }
}
