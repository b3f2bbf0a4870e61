using AgentBudget.Ledger;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Grains.Abstractions;

/// <summary>A reply as bytes: each part behind a word on whether it is there.</summary>
internal static class ReplyBytes
{
    // What queries answer with.
    private static readonly TypeRegistry Views = TypeRegistry.FromFiles(
        BudgetServiceReflection.Descriptor,
        SessionServiceReflection.Descriptor,
        CatalogServiceReflection.Descriptor,
        IdentityServiceReflection.Descriptor,
        SpendServiceReflection.Descriptor,
        ApprovalServiceReflection.Descriptor,
        SnapshotReflection.Descriptor);

    internal static byte[] Of(in Reply reply)
    {
        using MemoryStream bytes = new();
        using (CodedOutputStream output = new(bytes, leaveOpen: true))
        {
            Answer answer = reply.Answer;
            output.WriteInt32((int)answer.Outcome);
            output.WriteInt32(reply.Fault is { } fault ? (int)fault + 1 : 0);
            output.WriteString(reply.Message);
            output.WriteBool(answer.Event is not null);
            if (answer.Event is not null) output.WriteMessage(answer.Event);
            output.WriteString(answer.View?.Descriptor.FullName ?? "");
            if (answer.View is not null) output.WriteMessage(answer.View);
            output.WriteInt32(answer.Faults?.Count ?? -1);
            foreach (Fault named in answer.Faults ?? []) Write(output, named);
        }

        return bytes.ToArray();
    }

    internal static Reply Read(byte[] bytes)
    {
        using CodedInputStream input = new(bytes);
        var outcome = (Outcome)input.ReadInt32();
        int fault = input.ReadInt32();
        string message = input.ReadString();
        LedgerEvent? ledgerEvent = input.ReadBool() ? LedgerEvent.Parser.ParseFrom(input.ReadBytes()) : null;
        IMessage? view = ReadView(input);
        int faults = input.ReadInt32();
        Fault[]? named = faults < 0 ? null : [.. Enumerable.Range(0, faults).Select(_ => ReadFault(input))];
        return new Reply(
            new Answer(outcome, ledgerEvent, View: view, Faults: named),
            fault == 0 ? null : (TenantFault)(fault - 1),
            message);
    }

    private static IMessage? ReadView(CodedInputStream input)
    {
        string name = input.ReadString();
        if (name.Length == 0) return null;
        MessageDescriptor descriptor =
            Views.Find(name) ?? throw new InvalidDataException($"a view of an unknown type: {name}");
        return descriptor.Parser.ParseFrom(input.ReadBytes());
    }

    private static void Write(CodedOutputStream output, Fault fault)
    {
        output.WriteString(fault.Field);
        output.WriteString(fault.Description);
        WriteOptional(output, fault.Left);
        WriteOptional(output, fault.Limit);
    }

    private static Fault ReadFault(CodedInputStream input) =>
        new(input.ReadString(), input.ReadString(), ReadOptional(input), ReadOptional(input));

    private static void WriteOptional(CodedOutputStream output, long? value)
    {
        output.WriteBool(value is not null);
        if (value is { } number) output.WriteInt64(number);
    }

    private static long? ReadOptional(CodedInputStream input) => input.ReadBool() ? input.ReadInt64() : null;
}
