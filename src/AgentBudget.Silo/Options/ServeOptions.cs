using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>What a silo serves, where and from what: the keys at the top of a file.</summary>
internal sealed class ServeOptions
{
    public const string SqliteStore = "sqlite";
    public const string PostgresStore = "postgres";
    public const string AzureStore = "azure";
    public const string DashboardOnLoopback = "loopback";
    public const string DashboardOn = "on";
    public const string DashboardOff = "off";
    public const string HttpDefault = "127.0.0.1:7070";

    /// <summary>The folder of ledger, reports and keys.</summary>
    [FilePath("data")]
    public string Data { get; init; } = "data";

    /// <summary>Where cleartext HTTP/1.1 is served.</summary>
    [EndPoint("http")]
    public string Http { get; init; } = HttpDefault;

    /// <summary>Where cleartext HTTP/2 is served, which needs a port of its own.</summary>
    [EndPoint("grpc")]
    public string Grpc { get; init; } = "127.0.0.1:7071";

    /// <summary>
    /// Origins whose pages may call from a browser, separated by commas. One text and no list: lists of two sources
    /// would be merged entry by entry, and an origin that somebody took away would come back.
    /// </summary>
    [Origins("origins")]
    public string Origins { get; init; } = "";

    /// <summary>A catalog to apply before anything is served.</summary>
    [FilePath("catalog", MustExist = true)]
    public string? Catalog { get; init; }

    /// <summary>Where ledgers are kept.</summary>
    [AllowedValues(
        SqliteStore, PostgresStore, AzureStore, ErrorMessage = "store must be sqlite, postgres or azure.")]
    public string Store { get; init; } = SqliteStore;

    /// <summary>Where the dashboard is served.</summary>
    [AllowedValues(
        DashboardOnLoopback, DashboardOn, DashboardOff, ErrorMessage = "dashboard must be loopback, on or off.")]
    public string Dashboard { get; init; } = DashboardOnLoopback;

    /// <summary>Whether sample traffic is driven through the public API.</summary>
    [Flag("demo")]
    public string Demo { get; init; } = "false";
}

/// <summary>Checks what its annotations say.</summary>
[OptionsValidator]
internal sealed partial class ServeOptionsValidator : IValidateOptions<ServeOptions>;
