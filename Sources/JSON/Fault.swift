/// What a parser found wrong; who knows the file makes an error of it that names it.
package struct Fault: Error {
    /// Where in the file; nil where the problem itself says so.
    package var place: String?
    package let problem: String

    package init(_ problem: String, in place: String? = nil) {
        self.problem = problem
        self.place = place
    }

    /// A key that an object has twice.
    package static func repeated(_ key: String) -> Fault { Fault("the key \(quoted(key)) comes twice") }
}
