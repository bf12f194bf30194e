/// What training does with Grams and bases.
public enum BasisUpkeep: String, Codable, CaseIterable, Sendable {
    /// Grams move on by what each step sees, and bases follow them.
    case tracked
    /// Both stay as they are, as what levels were found to lose in them does.
    case fixed
}
