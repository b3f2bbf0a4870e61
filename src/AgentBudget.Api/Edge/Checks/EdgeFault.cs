namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// Why the edge itself refuses or ends a call. What a caller sees of each, status and reason, is
/// <see cref="EdgeFaults.CodeOf"/> and <see cref="EdgeFaults.ReasonOf"/>.
/// </summary>
internal enum EdgeFault
{
    /// <summary>The message, or what it inflates to, is larger than the method takes.</summary>
    MessageTooLarge,

    /// <summary>The message holds more items than the silo takes.</summary>
    TooManyItems,

    /// <summary>The request ended without a message.</summary>
    MessageMissing,

    /// <summary>The request holds more than the one message that the method takes.</summary>
    MoreThanOneMessage,

    /// <summary>The request ended in the middle of a message.</summary>
    MessageIncomplete,

    /// <summary>The frame of the message has flags that are not known.</summary>
    FlagsUnknown,

    /// <summary>The message is compressed, and the headers do not say how.</summary>
    CompressionUndeclared,

    /// <summary>The message is not compressed as it says.</summary>
    CompressionInvalid,

    /// <summary>The headers name an encoding that is not known.</summary>
    EncodingUnsupported,

    /// <summary>The message is not one of the method's type.</summary>
    MessageMalformed,

    /// <summary>A header of the protocol, or binary metadata, cannot be read.</summary>
    HeaderMalformed,

    /// <summary>The path is that of no method.</summary>
    MethodUnknown,

    /// <summary>The message did not arrive in time.</summary>
    MessageLate,

    /// <summary>The deadline passed.</summary>
    DeadlinePassed,

    /// <summary>The caller cancelled.</summary>
    CallerGaveUp,

    /// <summary>The server is stopping.</summary>
    Draining,

    /// <summary>A handler failed.</summary>
    Bug,
}
