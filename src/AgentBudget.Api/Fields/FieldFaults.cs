using System.Globalization;
using System.Text;
using AgentBudget.Api.Errors;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Api;

/// <summary>What is wrong with a request, field by field. Costs nothing while nothing is.</summary>
internal struct FieldFaults
{
    /// <summary>
    /// The message names this many; the details name all. A gRPC message travels in a bounded header.
    /// </summary>
    private const int SentencesMax = 10;

    private List<Fault>? _faults;

    internal void Add(string field, string description) => (_faults ??= []).Add(new Fault(field, description));

    /// <summary>Throws INVALID_ARGUMENT that names every fault, if there is one.</summary>
    internal readonly void ThrowIfAny()
    {
        if (_faults is not null)
            throw ToException();
    }

    internal readonly RpcException ToException()
    {
        IReadOnlyList<Fault> faults = _faults ?? [];
        BadRequest detail = new();
        foreach (Fault fault in faults)
        {
            detail.FieldViolations.Add(
                new BadRequest.Types.FieldViolation { Field = fault.Field, Description = fault.Description });
        }

        string message = "The request is not valid." + Sentences(faults);
        return ApiErrors.Make(StatusCode.InvalidArgument, ErrorReason.InvalidField, message, detail);
    }

    /// <summary>The first faults as one line, to follow a sentence.</summary>
    internal static string Sentences(IReadOnlyList<Fault> faults)
    {
        StringBuilder text = new();
        for (int index = 0; index < Math.Min(faults.Count, SentencesMax); index++)
        {
            text.Append(index == 0 ? " " : "; ").Append(faults[index].Field).Append(": ");
            text.Append(faults[index].Description.AsSpan().TrimEnd('.'));
        }

        if (faults.Count > SentencesMax)
            text.Append(CultureInfo.InvariantCulture, $"; and {faults.Count - SentencesMax} more");
        return faults.Count == 0 ? "" : text.Append('.').ToString();
    }
}
