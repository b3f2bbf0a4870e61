using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Api.Errors;
using AgentBudget.Ledger;
using Grpc.Core;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Catalogs;

/// <summary>Faults of a document as field violations, each with its line.</summary>
internal static class CatalogFaults
{
    internal static void Add(ref FieldFaults faults, CatalogReading reading)
    {
        foreach (DocumentFault fault in reading.Faults)
            Add(ref faults, fault);
    }

    internal static RpcException ErrorOf(Answer answer, CatalogReading reading)
    {
        if (answer.Outcome != Outcome.CatalogInvalid)
            return ErrorMap.Of(answer.Outcome, answer.Faults);
        FieldFaults faults = default;
        foreach (Fault fault in answer.Faults ?? [])
            Add(ref faults, new DocumentFault(reading.LineOf(fault.Field), fault.Field, fault.Description));
        return faults.ToException();
    }

    private static void Add(ref FieldFaults faults, DocumentFault fault) =>
        faults.Add(fault.Path.Length == 0 ? "document" : fault.Path, $"line {fault.Line}: {fault.Description}");
}
