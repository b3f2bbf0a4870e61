using System.Diagnostics;
using System.Diagnostics.Metrics;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Client;

/// <summary>What a client tells OpenTelemetry: an activity and a duration for each call, retries, messages.</summary>
internal sealed class ClientTelemetry : IDisposable
{
    private const string OperationTag = "operation";
    private const string StatusTag = "status";

    private static readonly ActivitySource Activities = new(AgentBudgetTelemetry.ActivitySourceName);

    private readonly Meter _meter = new(AgentBudgetTelemetry.MeterName);
    private readonly Histogram<double> _durations;
    private readonly Counter<long> _retries;
    private readonly Histogram<int> _messageItems;
    private readonly Counter<long> _streamEnds;

    public ClientTelemetry(Func<long> pending)
    {
        _durations = _meter.CreateHistogram<double>(
            "agentbudget.client.call.duration", "s", "From a call's start to its end, with all retries.");
        _retries = _meter.CreateCounter<long>(
            "agentbudget.client.retries", "{retry}", "Attempts that failed and were made again.");
        _messageItems = _meter.CreateHistogram<int>(
            "agentbudget.client.message.items", "{item}", "Items that left in one message of a spend stream.");
        _streamEnds = _meter.CreateCounter<long>(
            "agentbudget.client.stream.ends", "{stream}", "Spend streams that ended, by status.");
        _meter.CreateObservableUpDownCounter(
            "agentbudget.client.calls.pending", pending, "{call}", "Spending calls that wait for their answers.");
    }

    public static Activity? Start(SpendItem.ItemOneofCase item) => Start(OperationOf(item));

    public static Activity? Start(string operation) => Activities.StartActivity(operation, ActivityKind.Client);

    public void End(SpendCall call, StatusCode status, TimeProvider time) =>
        End(OperationOf(call.Item.ItemCase), call.Activity, status, time.GetElapsedTime(call.StartTicks));

    public void End(string operation, Activity? activity, StatusCode status, TimeSpan duration)
    {
        if (_durations.Enabled)
            _durations.Record(duration.TotalSeconds, Tag(OperationTag, operation), Tag(StatusTag, NameOf(status)));
        if (activity is null) return;
        activity.SetTag("rpc.grpc.status_code", (int)status);
        if (status != StatusCode.OK) activity.SetStatus(ActivityStatusCode.Error, NameOf(status));
        activity.Stop();
    }

    public void Retried(SpendCall call) => Retried(OperationOf(call.Item.ItemCase));

    public void Retried(string operation)
    {
        if (_retries.Enabled) _retries.Add(1, Tag(OperationTag, operation));
    }

    public void MessageSent(int items)
    {
        if (_messageItems.Enabled) _messageItems.Record(items);
    }

    public void StreamEnded(StatusCode status)
    {
        if (_streamEnds.Enabled) _streamEnds.Add(1, Tag(StatusTag, NameOf(status)));
    }

    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    private static string NameOf(StatusCode status) => status.ToString();

    private static string OperationOf(SpendItem.ItemOneofCase item) => item switch
    {
        SpendItem.ItemOneofCase.Reserve => "ReserveTokens",
        SpendItem.ItemOneofCase.Commit => "CommitTokens",
        SpendItem.ItemOneofCase.Release => "ReleaseTokens",
        SpendItem.ItemOneofCase.Amend => "AmendReservation",
        SpendItem.ItemOneofCase.RecordCost => "RecordCost",
        SpendItem.ItemOneofCase.AuthorizeTool => "AuthorizeTool",
        SpendItem.ItemOneofCase.None => "None",
    };
}
