import ArgumentParser
import FoundationEssentials

/// What `compare` runs this program for, once for each figure: it measures one subject and prints one line of JSON.
struct Measure: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measures one subject and prints an Answer.",
        shouldDisplay: false
    )

    @Argument var subject: String
    @Argument var probe: String
    @Argument var size: Int

    @concurrent func run() async throws {
        let values: Figures?
        if let growth = Growth(rawValue: probe) {
            values = try await growth.measure(size)
        } else if let probe = Probe(rawValue: probe), let subject = Subject(rawValue: subject) {
            values = try await probe.measure(subject, size)
        } else {
            throw ValidationError("there is no “\(probe)” of “\(subject)”")
        }
        let line = try JSONEncoder().encode(Answer(values: values))
        print(String(decoding: line, as: UTF8.self))
    }
}

extension Probe {
    /// - Returns: `nil` if the subject has no such thing.
    @concurrent func measure(_ subject: Subject, _ size: Int) async throws -> Figures? {
        switch (self, subject) {
        case (.roundTrip, .ours): try await RoundTripProbe.ours(calls: size)
        case (.roundTrip, .floor): try Floor.roundTrip(calls: size)
        case (.submit, .ours): try await SubmitProbe.ours(tasks: size)
        case (.submit, .floor): try Floor.submit(messages: size)
        case (.map, .ours): try await MapProbe.ours(items: size)
        case (.payload, .ours): try await PayloadProbe.ours(mebibytes: size)
        case (.payload, .floor): try Floor.payload(mebibytes: size)
        case (.shared, .ours): try await SharedProbe.ours(mebibytes: size)
        case (.poolUp, .ours): try await StartProbe.poolUp(repetitions: size)
        case (.fresh, .ours): try await StartProbe.fresh(tasks: size)
        case (.fresh, .floor): try Floor.fresh(processes: size)
        case (.queued, .ours): try await QueuedProbe.ours(tasks: size)
        case (.scaling, .ours): try await SchedulingProbe.scaling(tasks: size)
        case (.mixed, .ours): try await SchedulingProbe.mixed(tasks: size)
        case (.memory, .ours): try await FootprintProbe.memory(workers: size)
        case (.idle, .ours): try await FootprintProbe.idle(seconds: size)
        case (.coding, .ours): try CodingProbe.ours(records: size)
        case (.coding, .json): try CodingProbe.json(records: size)
        case (.coding, .propertyList): try CodingProbe.propertyList(records: size)
        case (.threads, .ours): try await ThreadProbe.ours(tasks: size)
        case (.threads, .nio): try await ThreadProbe.nio(tasks: size)
        case (.threads, .dispatch): try await ThreadProbe.dispatch(tasks: size)
        case (.threads, .taskGroup): try await ThreadProbe.taskGroup(tasks: size)
        default: nil
        }
    }
}
