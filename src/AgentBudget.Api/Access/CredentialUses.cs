using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.Logging;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Access;

/// <summary>
/// Tells the ledgers which of their credentials are in use and from where, so that a review is right after a restart:
/// each credential at most once an hour, and once more for each place that is new. What a crash forgets is at most that
/// hour.
/// </summary>
public sealed partial class CredentialUses : IAsyncDisposable
{
    /// <summary>How often it is looked for what is due.</summary>
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    /// <summary>Credentials of one event: with eight places each it stays below 1 MiB.</summary>
    private const int UsesMax = 1_000;

    private readonly ITenantHost _host;
    private readonly CredentialFeed _credentials;
    private readonly ILogger _logger;
    private readonly RepeatedWork _telling;

    /// <summary>Tells from now on. Neither host nor credentials are disposed with it.</summary>
    public CredentialUses(
        ITenantHost host, CredentialFeed credentials, TimeProvider time, ILogger<CredentialUses> logger)
    {
        _host = host;
        _credentials = credentials;
        _logger = logger;
        _telling = new RepeatedWork(
            _ => TellAsync(isEnd: false),
            Period,
            time,
            fault => Log.NotTold(_logger, "all tenants", "a defect", fault));
    }

    /// <summary>Tells what is left, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        await _telling.DisposeAsync();
        await TellAsync(isEnd: true);
    }

    private async Task TellAsync(bool isEnd)
    {
        foreach (string tenant in _credentials.Directory.Tenants)
        {
            IReadOnlyList<CredentialUse> uses;
            do
            {
                uses = _credentials.Directory.TakeUses(tenant, UsesMax, isEnd);
            }
            while (uses.Count > 0 && await TellAsync(tenant, uses) && uses.Count == UsesMax);
        }
    }

    private async Task<bool> TellAsync(string tenant, IReadOnlyList<CredentialUse> uses)
    {
        CredentialsUsed used = new();
        used.Uses.Add(uses);
        try
        {
            Answer answer = await _host.SubmitAsync(
                tenant, new RecordCredentialUsesCommand($"uses-{AccessTokens.NewId()}", used));
            if (answer.Outcome == Outcome.Done)
                return true;
            Log.NotTold(_logger, tenant, answer.Outcome.ToString(), fault: null);
        }
        catch (TenantException fault)
        {
            Log.NotTold(_logger, tenant, "its ledger cannot be reached", fault);
        }

        _credentials.Directory.GiveBack(tenant, uses);
        return false;
    }

    private static partial class Log
    {
        [LoggerMessage(
            43, LogLevel.Warning, "The uses of credentials of {Tenant} are told to its ledger later: {Reason}")]
        internal static partial void NotTold(ILogger logger, string tenant, string reason, Exception? fault);
    }
}
