using AgentBudget.Api.Edge;
using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Silos;

/// <summary>SiloService: the processes of the service.</summary>
internal sealed class SiloCalls(ISiloPeers peers, Calls calls) : SiloService.SiloServiceBase
{
    private const int SilosMax = 1_000; // As the contract says.

    public override Task<GetSilosResponse> GetSilos(GetSilosRequest request, ServerCallContext context) =>
        calls.AnswerAsync(ListAsync, request, context);

    private async ValueTask<GetSilosResponse> ListAsync(GetSilosRequest request, ApiCall call)
    {
        IReadOnlyList<SiloMember> silos = await peers.ListAsync();
        IEnumerable<SiloMember> listed = silos
            .OrderByDescending(silo => silo.State == SiloMember.Types.State.Serving)
            .ThenByDescending(silo => silo.StartTime)
            .ThenBy(silo => silo.Address, StringComparer.Ordinal)
            .Take(SilosMax);
        return new GetSilosResponse { Silos = { listed } };
    }
}
