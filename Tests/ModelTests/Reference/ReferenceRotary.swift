import Foundation

extension Reference {
    /// Rows of heads with columns i and i + d/2 of each turned by position · θ^(−2i/d), or back.
    ///
    /// x: [rows, heads · d]; `position` gives a row's.
    static func rotate(
        _ x: [Double], heads: Int, headWidth d: Int, base: Double, inverse: Bool = false, position: (Int) -> Int
    ) -> [Double] {
        var y = x
        for row in 0..<(x.count / (heads * d)) {
            for head in 0..<heads {
                for i in 0..<(d / 2) {
                    let angle = Double(position(row)) * pow(base, -2 * Double(i) / Double(d)) * (inverse ? -1 : 1)
                    let first = (row * heads + head) * d + i
                    let (a, b) = (x[first], x[first + d / 2])
                    y[first] = a * cos(angle) - b * sin(angle)
                    y[first + d / 2] = b * cos(angle) + a * sin(angle)
                }
            }
        }
        return y
    }
}
