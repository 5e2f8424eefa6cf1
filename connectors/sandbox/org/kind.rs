//! The types of record that the org has.

/// A type of record, an sObject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Account,
    BusinessHours,
    Contact,
    CustomNotificationType,
    FieldPermissions,
    Holiday,
    ObjectPermissions,
    Opportunity,
    OpportunityFieldHistory,
    OpportunityHistory,
    OpportunityStage,
    Organization,
    PermissionSet,
    PermissionSetAssignment,
    ProcessDefinition,
    ProcessInstance,
    ProcessInstanceHistory,
    ProcessInstanceStep,
    ProcessInstanceWorkitem,
    Profile,
    RecordType,
    Task,
    TaskStatus,
    User,
}

impl Kind {
    /// Every type, in the order of their names.
    pub(crate) const ALL: [Kind; 24] = [
        Kind::Account,
        Kind::BusinessHours,
        Kind::Contact,
        Kind::CustomNotificationType,
        Kind::FieldPermissions,
        Kind::Holiday,
        Kind::ObjectPermissions,
        Kind::Opportunity,
        Kind::OpportunityFieldHistory,
        Kind::OpportunityHistory,
        Kind::OpportunityStage,
        Kind::Organization,
        Kind::PermissionSet,
        Kind::PermissionSetAssignment,
        Kind::ProcessDefinition,
        Kind::ProcessInstance,
        Kind::ProcessInstanceHistory,
        Kind::ProcessInstanceStep,
        Kind::ProcessInstanceWorkitem,
        Kind::Profile,
        Kind::RecordType,
        Kind::Task,
        Kind::TaskStatus,
        Kind::User,
    ];

    /// Finds a type by its name, in which case does not count.
    pub(crate) fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The type whose ids begin so.
    pub(crate) fn of_prefix(prefix: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.prefix() == prefix)
    }

    pub(crate) fn name(self) -> &'static str {
        self.facts().0
    }

    /// The characters that ids of the type begin with.
    pub(crate) fn prefix(self) -> &'static str {
        self.facts().1
    }

    pub(crate) fn label(self) -> &'static str {
        self.facts().2
    }

    /// Whether callers can make, change and delete records of the type.
    pub(crate) fn is_writable(self) -> bool {
        match self {
            Kind::Account
            | Kind::Contact
            | Kind::CustomNotificationType
            | Kind::FieldPermissions
            | Kind::Holiday
            | Kind::Opportunity
            | Kind::PermissionSet
            | Kind::PermissionSetAssignment
            | Kind::Task
            | Kind::User => true,
            Kind::BusinessHours
            | Kind::ObjectPermissions
            | Kind::OpportunityFieldHistory
            | Kind::OpportunityHistory
            | Kind::OpportunityStage
            | Kind::Organization
            | Kind::ProcessDefinition
            | Kind::ProcessInstance
            | Kind::ProcessInstanceHistory
            | Kind::ProcessInstanceStep
            | Kind::ProcessInstanceWorkitem
            | Kind::Profile
            | Kind::RecordType
            | Kind::TaskStatus => false,
        }
    }

    /// Whether records of the type are kept in the recycle bin when they are deleted.
    pub(crate) fn has_bin(self) -> bool {
        matches!(self, Kind::Account | Kind::Contact | Kind::Opportunity | Kind::Task)
    }

    /// Whether the type can stand behind FROM; some can only be reached from their parents.
    pub(crate) fn is_queryable(self) -> bool {
        self != Kind::ProcessInstanceHistory
    }

    /// Name, prefix of the ids, label.
    fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Kind::Account => ("Account", "001", "Account"),
            Kind::BusinessHours => ("BusinessHours", "01m", "Business Hours"),
            Kind::Contact => ("Contact", "003", "Contact"),
            Kind::CustomNotificationType => ("CustomNotificationType", "0ML", "Custom Notification Type"),
            Kind::FieldPermissions => ("FieldPermissions", "01k", "Field Permissions"),
            Kind::Holiday => ("Holiday", "0C0", "Holiday"),
            Kind::ObjectPermissions => ("ObjectPermissions", "110", "Object Permissions"),
            Kind::Opportunity => ("Opportunity", "006", "Opportunity"),
            Kind::OpportunityFieldHistory => ("OpportunityFieldHistory", "017", "Opportunity Field History"),
            Kind::OpportunityHistory => ("OpportunityHistory", "008", "Opportunity History"),
            Kind::OpportunityStage => ("OpportunityStage", "01J", "Opportunity Stage"),
            Kind::Organization => ("Organization", "00D", "Organization"),
            Kind::PermissionSet => ("PermissionSet", "0PS", "Permission Set"),
            Kind::PermissionSetAssignment => ("PermissionSetAssignment", "0Pa", "Permission Set Assignment"),
            Kind::ProcessDefinition => ("ProcessDefinition", "04a", "Process Definition"),
            Kind::ProcessInstance => ("ProcessInstance", "04g", "Process Instance"),
            Kind::ProcessInstanceHistory => ("ProcessInstanceHistory", "04j", "Process Instance History"),
            Kind::ProcessInstanceStep => ("ProcessInstanceStep", "04h", "Process Instance Step"),
            Kind::ProcessInstanceWorkitem => ("ProcessInstanceWorkitem", "04i", "Approval Request"),
            Kind::Profile => ("Profile", "00e", "Profile"),
            Kind::RecordType => ("RecordType", "012", "Record Type"),
            Kind::Task => ("Task", "00T", "Task"),
            Kind::TaskStatus => ("TaskStatus", "01T", "Task Status Value"),
            Kind::User => ("User", "005", "User"),
        }
    }
}
