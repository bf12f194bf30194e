import Foundation

/// A picture of numbers, drawn by gnuplot (`Gnuplot`).
protocol Chart: Sendable {
    /// Says below the picture what it shows.
    var caption: String { get }
    /// gnuplot's commands, which draw into the output that is open.
    var commands: String { get }
}

/// Curves over steps, one or several on the same axes.
struct LineChart: Chart {
    /// A named curve.
    struct Series: Sendable {
        let name: String
        /// In the order of x; those that are not finite are gaps.
        let points: [(x: Double, y: Double)]
    }

    let caption: String
    var xLabel = "step"
    let yLabel: String
    var isLogarithmic = false
    let series: [Series]

    /// Distinct to people who see colours differently, on white and on black (Okabe and Ito 2008, "Color Universal Design").
    static let colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
    /// Points that a curve is drawn from at most; of more, means of equal parts.
    private static let mostPoints = 500

    var commands: String {
        var text = """
            set xlabel \(quoted(xLabel))
            set ylabel \(quoted(yLabel))
            set key outside top center horizontal
            set grid
            \(isLogarithmic ? "set logscale y" : "unset logscale")

            """
        var curves: [String] = []
        for (i, series) in series.enumerated() {
            let thinned = Self.thinned(series.points), mark = thinned.count > 60 ? "lines" : "linespoints pt 7 ps 0.4"
            text += "$curve\(i) << EOD\n" + thinned.map { $0.y.isFinite ? "\($0.x) \($0.y)\n" : "\n" }.joined() + "EOD\n"
            curves.append(
                "$curve\(i) using 1:2 with \(mark) lw 2 lc rgb '\(Self.colours[i % Self.colours.count])' "
                    + (self.series.count > 1 ? "title \(quoted(series.name))" : "notitle"))
        }
        return text + "plot " + curves.joined(separator: ", ") + "\n"
    }

    private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        guard points.count > mostPoints else { return points }
        return (0..<mostPoints).map { part in
            let own = points[(points.count * part / mostPoints)..<(points.count * (part + 1) / mostPoints)]
            let n = Double(own.count)
            return (own.reduce(0) { $0 + $1.x } / n, own.reduce(0) { $0 + $1.y } / n)
        }
    }
}

/// A table of numbers as colours.
struct HeatMap: Chart {
    let caption: String
    let xLabel: String
    var yLabel = "layer"
    /// What colours stand for.
    let label: String
    /// Row by row, the first on top; those that are not finite are left blank.
    let rows: [[Double]]
    /// The first column's place on the axis, and from one to the next.
    var start = 0.0, step = 1.0
    /// What the columns are called, in place of numbers.
    var names: [String] = []

    var commands: String {
        let count = rows.first?.count ?? 0, values = rows.joined().filter(\.isFinite)
        let ticks = names.isEmpty ? "set xtics auto" : "set xtics rotate by -60 ("
            + names.enumerated().map { "\(quoted($1)) \($0)" }.joined(separator: ", ") + ")"
        // A range of one value has no colours.
        let only = values.min() == values.max() ? values.first : nil
        let range = only.map { "set cbrange [\($0 - 1):\($0 + 1)]\n" } ?? ""
        return """
            set xlabel \(quoted(xLabel))
            set ylabel \(quoted(yLabel))
            set cblabel \(quoted(label))
            unset logscale
            unset grid
            \(ticks)
            set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', 4 '#fde725')
            set xrange [\(start - step / 2):\(start + step * (Double(count) - 0.5))]
            set yrange [\(Double(rows.count) - 0.5):-0.5]
            \(range)$map << EOD
            \(rows.map { $0.map { $0.isFinite ? "\($0)" : "NaN" }.joined(separator: " ") }.joined(separator: "\n"))
            EOD
            plot $map matrix using (\(start) + $1 * \(step)):2:3 with image pixels notitle
            set xtics norotate auto
            set autoscale

            """
    }

    /// With at most so many columns, means of neighbours.
    func binned(_ most: Int) -> HeatMap {
        let count = rows.first?.count ?? 0, width = (count + most - 1) / most
        guard width > 1 else { return self }
        let rows = rows.map { row in
            stride(from: 0, to: count, by: width).map { first in
                let own = row[first..<min(first + width, count)].filter(\.isFinite)
                return own.isEmpty ? .nan : own.reduce(0, +) / Double(own.count)
            }
        }
        return HeatMap(
            caption: caption, xLabel: xLabel, yLabel: yLabel, label: label, rows: rows,
            start: start + step * Double(width - 1) / 2, step: step * Double(width))
    }
}

/// As gnuplot reads a text without markup.
private func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
