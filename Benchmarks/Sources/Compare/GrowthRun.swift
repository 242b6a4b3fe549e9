import ArgumentParser
import Report

/// All sizes of all that grows, with a table for each.
struct GrowthRun {
    var settings: Settings
    var markdown: Bool
    var plot: String?

    func run() throws {
        let machine = Machine(peers: [:])
        print(markdown ? machine.markdown : machine.text)
        let plots = try plot.map(Plots.init(directory:))
        var hasFailed = false
        for growth in Growth.allCases {
            let figures = measure(growth)
            hasFailed = hasFailed || figures.contains { $0.figures.contains { $0.median == nil } }
            var table = Table(columns: [growth.sizeName] + growth.metrics.map { "\($0.title), \($0.unit)" })
            for row in figures { table.add([growth.label(of: row.size)] + row.figures.map(\.text)) }
            print("\n\(growth.title)\n\n\(markdown ? table.markdown : table.text)")
            for (index, metric) in growth.metrics.enumerated() {
                let points = figures.compactMap { row in
                    row.figures[index].median.map {
                        LineChart.Point(x: Double(row.size), label: growth.label(of: row.size), y: $0)
                    }
                }
                let chart = LineChart(title: growth.title, subtitle: "\(metric.title), \(metric.unit)", points: points)
                try plots?.write(chart.picture, metric.id)
            }
        }
        if hasFailed { throw ExitCode.failure }
    }

    /// - Returns: for each size the figures of all metrics.
    private func measure(_ growth: Growth) -> [(size: Int, figures: [Figure])] {
        let sizes = growth.sizes(isQuick: settings.isQuick)
        var rounds = [Int: [Figures]]()
        var failures = [Int: String]()
        for _ in 0..<settings.rounds {
            for size in sizes where failures[size] == nil {
                do throws(ChildProcess.Failure) {
                    let arguments = ["measure", Subject.ours.rawValue, growth.rawValue, "\(size)"]
                    let output = try Measurement.own(arguments, timeout: settings.timeout)
                    rounds[size, default: []].append(try Measurement.answer(in: output).values ?? [:])
                } catch {
                    failures[size] = error.reason
                    complain("\(growth.rawValue), \(size): \(error.reason)\n\(error.standardError)")
                }
            }
        }
        return sizes.map { size in
            let figures = growth.metrics.map { metric -> Figure in
                if let reason = failures[size] { return .failed(reason) }
                return .measured(Sample((rounds[size] ?? []).compactMap { $0[metric.id] }))
            }
            return (size, figures)
        }
    }
}
