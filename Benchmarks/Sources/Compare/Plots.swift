import Glibc
import Report

/// The pictures of a run, as files of a directory.
struct Plots {
    struct NotWritten: Error, CustomStringConvertible {
        var path: String
        var description: String { "\(path) could not be written: \(String(cString: strerror(errno)))" }
    }

    private let directory: String

    init(directory: String) throws {
        self.directory = directory
        guard mkdir(directory, 0o777) == 0 || errno == EEXIST else { throw NotWritten(path: directory) }
    }

    /// One for each probe, and `summary.svg` if both figures that it shows are there.
    func write(_ groups: [ComparisonRun.Group]) throws {
        for group in groups {
            let charts = group.rows.charts
            guard !charts.isEmpty else { continue }
            try write(BarChart.stack(charts, description: group.probe.subject), group.probe.rawValue)
        }
        let rows = groups.flatMap(\.rows)
        let summary = ["submit", "run"].compactMap { id in
            let chart = rows.filter { $0.metric.id == id && $0.peerName != Subject.floor.rawValue }.charts.first
            return chart.map { $0.titled(id == "submit" ? "Tasks per second" : "One call, there and back") }
        }
        if summary.count == 2 {
            try write(BarChart.row(summary, description: "This project beside pools of Python"), "summary")
        }
    }

    func write(_ picture: SVG, _ name: String) throws {
        let path = "\(directory)/\(name).svg"
        guard let file = fopen(path, "w") else { throw NotWritten(path: path) }
        let isWritten = fputs(picture.document, file) >= 0
        guard fclose(file) == 0, isWritten else { throw NotWritten(path: path) }
    }
}

extension [Row] {
    /// A chart for each metric of which there are two figures or more.
    fileprivate var charts: [BarChart] {
        var charts: [BarChart] = []
        var rest = self[...]
        while let metric = rest.first?.metric {
            let rows = rest.prefix { $0.metric.id == metric.id }
            rest = rest.dropFirst(rows.count)
            var bars: [BarChart.Bar] = []
            if let ours = rows.first?.ours.median { bars.append(.init(Subject.ours.label, ours, .ours)) }
            for row in rows {
                guard let name = row.peerName, let peer = row.peer.median else { continue }
                bars.append(.init(name, peer, Subject(rawValue: name)?.kind ?? .peer))
            }
            guard bars.count > 1 else { continue }
            charts.append(BarChart(title: metric.title, unit: metric.unit, better: metric.better, bars: bars))
        }
        return charts
    }
}
