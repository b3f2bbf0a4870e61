namespace AgentBudget.Silo.Options;

/// <summary>
/// Whether a server asks its callers over TLS for a certificate. One that is shown is always checked.
/// </summary>
internal enum ClientCertificates
{
    /// <summary>Not asked for.</summary>
    None,

    /// <summary>Asked for; a caller without one is served all the same.</summary>
    Optional,

    /// <summary>A caller without one gets no connection.</summary>
    Required,
}
