using AgentBudget.Silo.Tests.Support;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>
/// One running silo for the cases of a class, each on a tenant of its own. Its clock can be moved on.
/// </summary>
public sealed class FieldSilo : IAsyncLifetime
{
    /// <summary>In a catalog, the day of the week in four days, by this clock: other cases moved it before.</summary>
    internal const string InFourDays = "IN-FOUR-DAYS";

    private readonly JumpingClock _clock = new();
    private TestSilo? _silo;

    internal TestSilo Silo => _silo!;

    internal DateTimeOffset Now => _clock.GetUtcNow();

    public async ValueTask InitializeAsync() => _silo = await TestSilo.StartAsync(catalog: null, time: _clock);

    public async ValueTask DisposeAsync() => await Silo.DisposeAsync();

    /// <summary>Time goes on, without waiting for it.</summary>
    internal Task MoveAsync(TimeSpan time) => _clock.MoveAsync(Silo, time);

    /// <summary>Runs a case on a tenant of its name.</summary>
    internal async Task<string> RunAsync(FieldCase tried)
    {
        FieldTenant tenant = new(this, tried.Id.ToLowerInvariant());
        string day = Now.AddDays(4).DayOfWeek.ToString().ToLowerInvariant();
        await tenant.ApplyAsync(tried.Catalog.Replace(InFourDays, day, StringComparison.Ordinal));
        await tenant.OpenAsync();
        return await tried.Run(tenant);
    }
}
