using System.Diagnostics.Metrics;
using AgentBudget.Rpc.Wire;

namespace AgentBudget.Rpc.Server;

/// <summary>
/// How often calls of one method ended with each status. To count one is a single interlocked addition; nothing else is
/// done until somebody asks.
/// </summary>
internal sealed class CallCounts
{
    private readonly long[] _byCode = new long[(int)RpcStatusCode.Unauthenticated + 1]; // The last of them.

    internal void Add(RpcStatusCode code) => Interlocked.Increment(ref _byCode[(int)code]);

    /// <summary>What was counted, of each status that was; for whoever reads metrics.</summary>
    internal IEnumerable<Measurement<long>> Read(string method)
    {
        for (int code = 0; code < _byCode.Length; code++)
        {
            long count = Interlocked.Read(ref _byCode[code]);
            if (count == 0)
                continue;
            string status = ConnectCode.NameOf((RpcStatusCode)code);
            yield return new Measurement<long>(count, new("method", method), new("code", status));
        }
    }
}
