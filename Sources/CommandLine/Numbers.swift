import Foundation

/// `x` with that many digits after the point.
public func fixed(_ x: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", x) }

/// A share in whole hundredths, such as `37%`.
public func percent(_ share: Double) -> String { "\(Int((100 * share).rounded()))%" }

/// A whole number with thousands apart.
public func grouped(_ x: Double) -> String {
    let digits = Array(String(Int(x.rounded())))
    var text = ""
    for (i, digit) in digits.enumerated() {
        if i > 0, (digits.count - i) % 3 == 0, digits[i - 1] != "-" { text.append(",") }
        text.append(digit)
    }
    return text
}

/// Seconds as `42s`, `3m 05s` or `2h 07m`.
public func duration(_ seconds: Double) -> String {
    let s = Int(max(0, seconds).rounded())
    if s < 60 { return "\(s)s" }
    if s < 3600 { return String(format: "%dm %02ds", s / 60, s % 60) }
    return String(format: "%dh %02dm", s / 3600, s / 60 % 60)
}
