extension Double {
    /// With three significant digits, and the thousands apart.
    package var short: String {
        guard isFinite else { return self < 0 ? "-∞" : "∞" }
        guard magnitude > 0 else { return "0" }
        if self < 0 { return "-" + (-self).short }
        var exponent = exponentOfTen
        // 999.6 is 1,000: what rounding carries over counts.
        if rounded(toPlace: exponent - 2) >= .powerOfTen(exponent + 1) { exponent += 1 }
        let value = rounded(toPlace: exponent - 2)
        guard exponent < 2 else { return String(Int64(value)).withThousandsApart }
        let places = 2 - exponent
        var digits = String(Int64((value * .powerOfTen(places)).rounded()))
        while digits.count <= places { digits = "0" + digits }
        digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -places))
        while digits.hasSuffix("0") { digits.removeLast() }
        if digits.hasSuffix(".") { digits.removeLast() }
        return digits
    }

    /// The place of its first digit. The number is greater than 0.
    var exponentOfTen: Int {
        var exponent = 0
        while self >= .powerOfTen(exponent + 1) { exponent += 1 }
        while self < .powerOfTen(exponent) { exponent -= 1 }
        return exponent
    }

    static func powerOfTen(_ exponent: Int) -> Double {
        var power = 1.0
        for _ in 0..<abs(exponent) { power *= 10 }
        return exponent < 0 ? 1 / power : power
    }

    private func rounded(toPlace place: Int) -> Double {
        place < 0
            ? (self * .powerOfTen(-place)).rounded() / .powerOfTen(-place)
            : (self / .powerOfTen(place)).rounded() * .powerOfTen(place)
    }
}

extension String {
    fileprivate var withThousandsApart: String {
        var result = ""
        for (index, digit) in self.enumerated() {
            if index > 0, (count - index).isMultiple(of: 3) { result.append(",") }
            result.append(digit)
        }
        return result
    }
}
