import Files
import Options

/// Refuses a path as a shell left it.
///
/// - Parameters:
///   - path: as it was given.
///   - option: the name of the option that it was given to.
/// - Throws: `ConfigurationError` where it begins with a `~` that the shell did not expand, and no directory of that name is
///   there.
public func requireExpanded(_ path: String, option: String) throws(ConfigurationError) {
    let first = path.prefix { $0 != "/" }
    guard first.hasPrefix("~"), !fileExists(String(first)) else { return }
    throw ConfigurationError(
        "\(option: option) \(path): the shell did not expand \(first); write \(option: option) \(path) apart by a space, or "
            + "$HOME, or ./\(path) for a directory of that name")
}
