DROP TABLE audit_disclosed;
