/// A decomposition that could not be made. The description is one line.
public struct LAPACKError: Error, Equatable, CustomStringConvertible {
    /// LAPACK's name of the routine, e.g. `dsyevd`.
    public let routine: String
    /// The status it returned: below 0 for an argument it refused, above 0 for a failure of the algorithm;
    /// 0 where the input was refused before the call.
    public let info: Int
    /// What that status means for this routine.
    public let meaning: String

    public var description: String { "\(routine) failed (info \(info)): \(meaning)" }
}
