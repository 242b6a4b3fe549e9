import Glibc

/// Where a value lies between the ends of an axis.
package struct Scale: Sendable {
    package let isLogarithmic: Bool
    package let lowest: Double
    package let highest: Double

    /// An axis from 0; or a logarithmic one, if some value is more than twenty times another and both would not be seen.
    ///
    /// - Parameter values: those of bars, of which each has to have a length.
    package init(forBars values: [Double]) {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        let greatest = positive.max() ?? 1
        let least = positive.min() ?? 1
        isLogarithmic = greatest > 20 * least
        highest = greatest
        // A bar for the least: with an axis that began there it would have none.
        lowest = isLogarithmic ? .powerOfTen((least / 2).exponentOfTen) : 0
    }

    /// A logarithmic axis of whole powers of ten.
    package init(forPoints values: [Double]) {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        isLogarithmic = true
        let bottom = (positive.min() ?? 1).exponentOfTen
        let top = positive.max() ?? 1
        lowest = .powerOfTen(bottom)
        highest = .powerOfTen(
            max(top > .powerOfTen(top.exponentOfTen) ? top.exponentOfTen + 1 : top.exponentOfTen, bottom + 1)
        )
    }

    /// From 0 to 1; what is beyond an end lies at it.
    package func position(of value: Double) -> Double {
        guard value > lowest else { return 0 }
        guard value < highest else { return 1 }
        return isLogarithmic ? log(value / lowest) / log(highest / lowest) : value / highest
    }

    /// Round numbers along the axis.
    package var ticks: [Double] {
        if isLogarithmic {
            let exponents = lowest.exponentOfTen...max(lowest.exponentOfTen, highest.exponentOfTen)
            let step = (exponents.count + 5) / 6
            return exponents.enumerated().filter { $0.offset.isMultiple(of: step) }.map { .powerOfTen($0.element) }
        }
        let unit = Double.powerOfTen((highest / 10).exponentOfTen)
        let step = [1, 2, 5, 10].map { $0 * unit }.first { highest / $0 <= 5 } ?? 20 * unit
        return (0...Int(highest / step)).map { Double($0) * step }
    }
}
