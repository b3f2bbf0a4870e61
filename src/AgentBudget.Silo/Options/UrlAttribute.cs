namespace AgentBudget.Silo.Options;

/// <summary>An absolute http or https URL without query and fragment.</summary>
internal sealed class UrlAttribute(string key) : ValueAttribute(key)
{
    /// <summary>Whether it may have a path.</summary>
    public bool HasPath { get; init; }

    /// <inheritdoc/>
    protected override string? FaultOf(string value)
    {
        bool isUrl = Uri.TryCreate(value, UriKind.Absolute, out Uri? url) && url.Scheme is "https" or "http"
            && (HasPath || url.AbsolutePath == "/") && url.Query.Length == 0 && url.Fragment.Length == 0;
        return isUrl ? null : $"must be a URL{(HasPath ? "" : " without a path")}, not {value}.";
    }
}
