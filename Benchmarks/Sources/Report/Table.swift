/// Cells in columns.
package struct Table: Sendable {
    private let columns: [String]
    private var rows: [[String]] = []

    package init(columns: [String]) {
        self.columns = columns
    }

    /// - Parameter cells: as many as there are columns.
    package mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "a row has as many cells as the table has columns")
        rows.append(cells)
    }

    /// With the columns one under the other.
    package var text: String {
        let widths = columns.indices.map { column in
            ([columns] + rows).map { $0[column].count }.max() ?? 0
        }
        func line(_ cells: [String]) -> String {
            var line = ""
            for (cell, width) in zip(cells, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
        let rule = widths.map { String(repeating: "─", count: $0) }
        return ([columns, rule] + rows).map(line).joined(separator: "\n")
    }

    package var markdown: String {
        func line(_ cells: [String]) -> String {
            "| " + cells.map(Self.escaped).joined(separator: " | ") + " |"
        }
        let rule = "|" + String(repeating: "---|", count: columns.count)
        return ([line(columns), rule] + rows.map(line)).joined(separator: "\n")
    }

    private static func escaped(_ cell: String) -> String {
        cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
