"""The cache: a DAX cluster with its subnets, its security group and its role, created under a condition."""

from __future__ import annotations

from troposphere import Equals, Export, GetAtt, If, Not, Output, Parameter, Ref, Sub, Template, dax, ec2, iam

from singletable.infra.environment import EnvironmentSettings
from singletable.infra.resource_names import TABLE, shorten
from singletable.infra.table_resource import KEY, tags_of

__all__ = ["DAX_PORT", "add_cache"]

DAX_PORT = 9111
"""The port of clusters with encryption in transit (Developer Guide, "DAX encryption in transit")."""

_NETWORK = r"^(\d{1,3}\.){3}\d{1,3}/([89]|[12]\d|3[0-2])$"
"""Blocks of IPv4 addresses with prefixes of 8 to 32 bits. Larger blocks would admit most of the internet."""

_GROUP_DESCRIPTION = 255
"""The highest number of characters of a security group's description (EC2 API Reference, "CreateSecurityGroup")."""


def add_cache(template: Template, settings: EnvironmentSettings) -> None:
    """Add the cluster to a template. It is created only if the parameters name its network."""
    network = template.add_parameter(
        Parameter("DaxVpcId", Type="String", Default="", Description="The VPC of the cluster; empty for no cluster")
    )
    subnets = template.add_parameter(
        Parameter(
            "DaxSubnetIds", Type="CommaDelimitedList", Default="", Description="Subnets of the cluster, one a zone"
        )
    )
    condition = template.add_condition("DaxIsMade", Not(Equals(Ref(network), "")))
    role = _add_role(template, settings, condition)
    group = _add_security_group(template, settings, network, condition)
    subnet_group = template.add_resource(
        dax.SubnetGroup(
            "DaxSubnetGroup",
            Condition=condition,
            Description=f"Subnets of the cache of {settings.table_name}",
            SubnetIds=Ref(subnets),
        )
    )
    cluster = template.add_resource(
        dax.Cluster(
            "DaxCluster",
            Condition=condition,
            Description=f"Cache of {settings.table_name}",
            NodeType=settings.dax_node_type,
            ReplicationFactor=settings.dax_nodes,
            IAMRoleARN=GetAtt(role, "Arn"),
            SubnetGroupName=Ref(subnet_group),
            SecurityGroupIds=[GetAtt(group, "GroupId")],
            SSESpecification=dax.SSESpecification(SSEEnabled=True),
            ClusterEndpointEncryptionType="TLS",
            Tags=settings.all_tags,
        )
    )
    template.add_output(
        Output(
            "DaxEndpoint",
            Condition=condition,
            Description="The cluster's endpoint, for Meta.dax_endpoints",
            Value=GetAtt(cluster, "ClusterDiscoveryEndpointURL"),
            Export=Export(Sub("${AWS::StackName}-DaxEndpoint")),
        )
    )


def _add_role(template: Template, settings: EnvironmentSettings, condition: str) -> iam.Role:
    """Add the role with which the cluster reads and writes the table."""
    return template.add_resource(
        iam.Role(
            "DaxRole",
            Condition=condition,
            AssumeRolePolicyDocument={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "dax.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            Policies=[
                iam.Policy(
                    PolicyName="table",
                    PolicyDocument={"Version": "2012-10-17", "Statement": _statements(settings)},
                )
            ],
            Tags=tags_of(settings),
        )
    )


def _add_security_group(
    template: Template, settings: EnvironmentSettings, network: Parameter, condition: str
) -> ec2.SecurityGroup:
    """Add the security group that admits the clients: those of a group or of a block of addresses."""
    addresses = template.add_parameter(
        Parameter(
            "DaxClientCidr",
            Type="String",
            Default="10.0.0.0/8",
            AllowedPattern=_NETWORK,
            ConstraintDescription="A block of IPv4 addresses, of /8 or smaller, such as 10.0.0.0/16",
            Description="Addresses that may reach the cluster, unless DaxClientSecurityGroupId is given",
        )
    )
    clients = template.add_parameter(
        Parameter(
            "DaxClientSecurityGroupId",
            Type="String",
            Default="",
            AllowedPattern="^(sg-[0-9a-f]+)?$",
            ConstraintDescription="The id of a security group, such as sg-0123456789abcdef0, or empty",
            Description="Security group whose members may reach the cluster, instead of DaxClientCidr; empty for none",
        )
    )
    by_group = template.add_condition("DaxClientsAreOfGroup", Not(Equals(Ref(clients), "")))
    return template.add_resource(
        ec2.SecurityGroup(
            "DaxSecurityGroup",
            Condition=condition,
            GroupDescription=shorten(f"Clients of the cache of {settings.table_name}", _GROUP_DESCRIPTION),
            VpcId=Ref(network),
            SecurityGroupIngress=[
                ec2.SecurityGroupRule(
                    IpProtocol="tcp",
                    FromPort=DAX_PORT,
                    ToPort=DAX_PORT,
                    # CloudFormation leaves out a property without a value, so the rule has one source.
                    SourceSecurityGroupId=If(by_group, Ref(clients), Ref("AWS::NoValue")),
                    CidrIp=If(by_group, Ref("AWS::NoValue"), Ref(addresses)),
                    Description="DAX with encryption in transit",
                )
            ],
            Tags=tags_of(settings),
        )
    )


def _statements(settings: EnvironmentSettings) -> list[dict[str, object]]:
    statements: list[dict[str, object]] = [
        {
            "Effect": "Allow",
            "Action": [
                "dynamodb:BatchGetItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:ConditionCheckItem",
                "dynamodb:DeleteItem",
                "dynamodb:DescribeTable",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            "Resource": [GetAtt(TABLE, "Arn"), Sub(f"${{{TABLE}.Arn}}/index/*")],
        }
    ]
    if settings.customer_key:
        statements.append(
            {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": GetAtt(KEY, "Arn")}
        )
    return statements
